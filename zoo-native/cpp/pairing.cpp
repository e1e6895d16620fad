#include "pairing.h"

#include <ATen/ops/empty_like.h>

namespace {

// Fused kernels walk raw memory, so two tensors pair up only if their elements lie in the same order. Strides of
// dimensions of size 1 say nothing (a depthwise weight has one).
bool same_order(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return false;
  for (int64_t d = 0; d < a.dim(); d++) {
    if (a.size(d) > 1 && a.stride(d) != b.stride(d)) return false;
  }
  return true;
}

void check_gradient(const at::Tensor& param, const at::Tensor& grad, size_t index, const char* caller) {
  TORCH_CHECK(param.is_non_overlapping_and_dense(), caller, ": parameter ", index, " is not dense in memory");
  TORCH_CHECK(grad.defined(), caller, ": parameter ", index, " has no gradient");
  TORCH_CHECK(param.sizes() == grad.sizes(), caller, ": parameter ", index, " has shape ", param.sizes(),
              " but its gradient has ", grad.sizes());
  TORCH_CHECK(param.scalar_type() == grad.scalar_type(), caller, ": parameter ", index, " is ", param.scalar_type(),
              " but its gradient is ", grad.scalar_type());
}

}  // namespace

namespace zoo {

void pair(const std::vector<at::Tensor>& params, std::vector<at::Tensor>& grads, const char* caller) {
  TORCH_CHECK(params.size() == grads.size(), caller, ": ", params.size(), " parameters but ", grads.size(),
              " gradients");
  for (size_t i = 0; i < params.size(); i++) {
    check_gradient(params[i], grads[i], i, caller);
    if (!same_order(params[i], grads[i])) grads[i] = at::empty_like(params[i]).copy_(grads[i]);
  }
}

void check_state(const std::vector<at::Tensor>& params, const std::vector<at::Tensor>& state, const char* what) {
  TORCH_CHECK(params.size() == state.size(), what, ": ", state.size(), " of them for ", params.size(), " parameters");
  for (size_t i = 0; i < params.size(); i++) {
    TORCH_CHECK(same_order(params[i], state[i]), what, " ", i, " does not have its parameter's shape and strides");
  }
}

}  // namespace zoo
