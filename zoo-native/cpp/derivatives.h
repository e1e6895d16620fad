// What our autograd nodes can be differentiated.
#pragma once

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

namespace zoo {

// The gradients that our kernels compute are no functions of autograd: differentiated once more they would silently be
// constants. The engine runs a backward pass with gradients enabled only where its graph is kept for that (create_graph).
inline void refuse_second_derivatives(const char* operation) {
  TORCH_CHECK(!at::GradMode::is_enabled(), operation, ": there are no second derivatives of this kernel; run the backward ",
              "pass without create_graph, or compute in f64, which libtorch's own kernels do");
}

}  // namespace zoo
