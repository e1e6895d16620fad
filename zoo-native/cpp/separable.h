// A depthwise convolution with the dense one before it and the 1 x 1 one behind it, run in one pass over the rows.
#pragma once

#include <ATen/core/Tensor.h>

#include "convolution.h"

namespace zoo {

struct Separable {
  const Convolution* expand;  // may be null
  const Convolution* depthwise;
  const Convolution* project;  // may be null

  // Whether the input may have a plane for each channel, as images do: it is copied to be padded anyway.
  bool takes_planes() const;
  // project(depthwise(expand(x))) + residual; the residual may be undefined.
  at::Tensor run(const at::Tensor& x, const at::Tensor& residual) const;
};

}  // namespace zoo
