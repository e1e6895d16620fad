// tch hands tensors over as `at::Tensor*`; lists of them become at::TensorList here.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <vector>

namespace zoo {

// Copies handles (a reference count each), not data.
inline std::vector<at::Tensor> tensors(at::Tensor* const* pointers, size_t length) {
  std::vector<at::Tensor> list;
  list.reserve(length);
  for (size_t i = 0; i < length; i++) list.push_back(*pointers[i]);
  return list;
}

// A null pointer is "none".
inline at::Tensor optional(const at::Tensor* pointer) {
  return pointer == nullptr ? at::Tensor() : *pointer;
}

}  // namespace zoo
