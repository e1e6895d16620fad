// Stochastic gradient descent in one pass over each parameter, and gradients taken without a zeroing pass.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/empty_like.h>

#include "error.h"
#include "tensors.h"

namespace {

// The fused kernel walks raw memory, so two tensors pair up only if their elements lie in the same order. Strides of
// dimensions of size 1 say nothing (a depthwise weight has one).
bool same_order(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return false;
  for (int64_t d = 0; d < a.dim(); d++) {
    if (a.size(d) > 1 && a.stride(d) != b.stride(d)) return false;
  }
  return true;
}

void check(const at::Tensor& param, const at::Tensor& grad, size_t index) {
  TORCH_CHECK(param.is_non_overlapping_and_dense(), "fused_sgd: parameter ", index, " is not dense in memory");
  TORCH_CHECK(grad.defined(), "fused_sgd: parameter ", index, " has no gradient");
  TORCH_CHECK(param.sizes() == grad.sizes(), "fused_sgd: parameter ", index, " has shape ", param.sizes(),
              " but its gradient has ", grad.sizes());
  TORCH_CHECK(param.scalar_type() == grad.scalar_type(), "fused_sgd: parameter ", index, " is ", param.scalar_type(),
              " but its gradient is ", grad.scalar_type());
}

struct Settings {
  double weight_decay;
  double momentum;
  double lr;
  double dampening;
  bool nesterov;
  bool first_step;
};

void fused_sgd(const std::vector<at::Tensor>& params, std::vector<at::Tensor> grads,
               const std::vector<at::Tensor>& buffers, const Settings& settings) {
  at::NoGradGuard no_grad;
  TORCH_CHECK(params.size() == grads.size(), "fused_sgd: ", params.size(), " parameters but ", grads.size(),
              " gradients");
  TORCH_CHECK(buffers.size() == (settings.momentum == 0 ? 0 : params.size()), "fused_sgd: momentum ",
              settings.momentum, " with ", params.size(), " parameters and ", buffers.size(), " buffers");
  for (size_t i = 0; i < params.size(); i++) {
    check(params[i], grads[i], i);
    if (!same_order(params[i], grads[i])) grads[i] = at::empty_like(params[i]).copy_(grads[i]);
    TORCH_CHECK(buffers.empty() || same_order(params[i], buffers[i]), "fused_sgd: momentum buffer ", i,
                " does not have its parameter's shape and strides");
  }
  if (params.empty()) return;
  at::_fused_sgd_(params, grads, buffers, settings.weight_decay, settings.momentum, settings.lr, settings.dampening,
                  settings.nesterov, /*maximize=*/false, settings.first_step);
}

}  // namespace

extern "C" char* zoo_fused_sgd(at::Tensor* const* params, at::Tensor* const* grads, size_t length,
                               at::Tensor* const* buffers, size_t buffer_count, double weight_decay, double momentum,
                               double lr, double dampening, bool nesterov, bool first_step) {
  return zoo::guarded([&] {
    fused_sgd(zoo::tensors(params, length), zoo::tensors(grads, length), zoo::tensors(buffers, buffer_count),
              {weight_decay, momentum, lr, dampening, nesterov, first_step});
  });
}

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
