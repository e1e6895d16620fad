// A convolution whose weights are packed for the kernels, dense or depthwise, over channels_last f32 maps on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "geometry.h"
#include "kernels/kernels.h"

namespace zoo {

struct Convolution {
  const Kernels* kernels;
  Activation activation;
  int64_t inputs, outputs, kernel, stride;
  Padding pad;
  bool depthwise;
  // Not a vector, which would clear what is about to be written: a training step packs every weight twice.
  Floats weight;
  std::vector<float> bias;

  Convolution(const at::Tensor& weight, const at::Tensor& bias, int64_t stride, Padding pad, bool depthwise,
              Activation activation);

  // Takes the gradient of a dense 1 x 1 convolution of stride 1 back to its input.
  static Convolution transposed(const at::Tensor& weight);

  int64_t depth() const { return inputs * kernel * kernel; }
  Packed packed() const { return {weight.get(), depth(), outputs, {bias.data(), activation}}; }

  // activation(convolution(x * gate) + bias) + residual; gate and residual may be undefined.
  at::Tensor run(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& residual) const;

 private:
  Convolution(int64_t inputs, int64_t outputs)
      : kernels(&zoo::kernels()), activation(kNone), inputs(inputs), outputs(outputs), kernel(1), stride(1),
        pad{0, 0, 0, 0}, depthwise(false) {}
  void pack(Matrix matrix);
};

// The patches of output pixels [begin, end), one a row; what lies outside the map is zero.
void gather(const Geometry& g, const float* x, int64_t begin, int64_t end, float* rows);

at::Tensor empty_map(int64_t n, int64_t c, int64_t h, int64_t w);

// libtorch's own convolution.
at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int64_t stride,
                  const Padding& pad, int64_t groups);

// Whether the kernels can read `x`.
bool is_map(const at::Tensor& x);

}  // namespace zoo
