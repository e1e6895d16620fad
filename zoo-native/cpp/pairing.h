// Parameters, gradients and optimizer state that a fused kernel walks side by side.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace zoo {

// Makes each gradient's elements lie in the order of its parameter's, by a copy where they do not; refuses what cannot
// be paired, in the name of `caller`.
void pair(const std::vector<at::Tensor>& params, std::vector<at::Tensor>& grads, const char* caller);

// Refuses optimizer state that does not have its parameters' shapes and strides; `what` names it.
void check_state(const std::vector<at::Tensor>& params, const std::vector<at::Tensor>& state, const char* what);

}  // namespace zoo
