// Gradients: taken without a zeroing pass, and clipped.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_clamp_max.h>
#include <ATen/ops/_foreach_clamp_min.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include "error.h"
#include "tensors.h"

// Moves each parameter's gradient into `out`, a null where there is none, and leaves the parameter without one: the
// next backward pass then stores its gradient instead of adding it to zeros.
extern "C" char* zoo_take_grads(at::Tensor* const* params, size_t length, at::Tensor** out) {
  return zoo::guarded([&] {
    for (size_t i = 0; i < length; i++) {
      at::Tensor& grad = params[i]->mutable_grad();
      out[i] = grad.defined() ? new at::Tensor(std::move(grad)) : nullptr;
      grad = at::Tensor();
    }
  });
}

extern "C" char* zoo_clear_grads(at::Tensor* const* params, size_t length) {
  return zoo::guarded([&] {
    for (size_t i = 0; i < length; i++) params[i]->mutable_grad().reset();
  });
}

// Scales all gradients together so that their joint norm is at most `limit`, and tells the norm before that.
extern "C" char* zoo_clip_norm(at::Tensor* const* grads, size_t length, double limit, double* norm) {
  return zoo::guarded([&] {
    at::NoGradGuard no_grad;
    auto list = zoo::tensors(grads, length);
    *norm = 0;
    if (list.empty()) return;
    *norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(list, 2))).item<double>();
    // The 1e-6 is PyTorch's, so that a norm just over the limit is scaled as there.
    double scale = limit / (*norm + 1e-6);
    if (scale < 1) at::_foreach_mul_(list, scale);
  });
}

extern "C" char* zoo_clip_value(at::Tensor* const* grads, size_t length, double limit) {
  return zoo::guarded([&] {
    at::NoGradGuard no_grad;
    auto list = zoo::tensors(grads, length);
    if (list.empty()) return;
    at::_foreach_clamp_min_(list, -limit);
    at::_foreach_clamp_max_(list, limit);
  });
}
