// Where a convolution over channels_last maps reads and writes, with padding that need not be symmetric.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#include "kernels/kernels.h"

namespace zoo {

struct Padding {
  int64_t top, left, bottom, right;

  bool symmetric() const { return top == bottom && left == right; }
  bool none() const { return top == 0 && left == 0 && bottom == 0 && right == 0; }
};

// Kernels of mobile networks are 3, 5 or 7; taps live on the stack.
constexpr int64_t kMaxKernel = 11;

struct Geometry {
  int64_t batch, channels, height, width;  // input
  int64_t out_height, out_width;
  int64_t kernel, stride;
  Padding pad;

  Geometry(at::IntArrayRef input, int64_t kernel, int64_t stride, Padding pad)
      : batch(input[0]), channels(input[1]), height(input[2]), width(input[3]), kernel(kernel), stride(stride),
        pad(pad) {
    out_height = (height + pad.top + pad.bottom - kernel) / stride + 1;
    out_width = (width + pad.left + pad.right - kernel) / stride + 1;
  }

  int64_t taps() const { return kernel * kernel; }
  // Whether the pixels of a dense convolution can be multiplied where they lie.
  bool in_place() const { return kernel == 1 && stride == 1 && pad.none(); }
  int64_t in_row(int64_t n, int64_t y) const { return (n * height + y) * width * channels; }
  int64_t out_row(int64_t n, int64_t y) const { return (n * out_height + y) * out_width * channels; }

  // The outputs whose tap `k` lies inside an input of `size`.
  int64_t first(int64_t k, int64_t before) const { return before > k ? (before - k + stride - 1) / stride : 0; }
  int64_t last(int64_t k, int64_t before, int64_t size, int64_t outputs) const {
    const int64_t reach = size - 1 + before - k;
    return reach < 0 ? 0 : std::min(outputs, reach / stride + 1);
  }
};

struct Free {
  void operator()(float* data) const { std::free(data); }
};
using Floats = std::unique_ptr<float[], Free>;

// Uninitialised memory at a cache line: a vector of AVX-512 that begins elsewhere costs two accesses.
inline Floats floats(int64_t count) {
  auto* data = static_cast<float*>(std::aligned_alloc(64, (static_cast<size_t>(count) * sizeof(float) + 63) / 64 * 64));
  if (data == nullptr && count > 0) throw std::bad_alloc();
  return Floats(data);
}

// A weight is channels x 1 x kernel x kernel; the kernels want taps x channels.
inline Floats by_tap(int64_t taps, int64_t channels, const at::Tensor& weight) {
  const at::Tensor dense = weight.contiguous();
  const float* in = dense.const_data_ptr<float>();
  Floats out = floats(taps * channels);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < taps; t++) out[t * channels + c] = in[c * taps + t];
  return out;
}

// Rows of a map for the threads, each worth at least about 16k multiplications.
template <typename Body>
void parallel_rows(const Geometry& g, int64_t batch, int64_t rows, Body body) {
  const int64_t grain = std::max<int64_t>(1, 16384 / (g.width * g.channels * g.kernel));
  at::parallel_for(0, batch * rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) body(i / rows, i % rows);
  });
}

// The taps of output row (n, y) whose kernel row is k; returns how many have any pixel.
inline int64_t row_taps(const Geometry& g, const float* x, const float* weight, int64_t n, int64_t y, int64_t k,
                        Tap* taps) {
  const int64_t in_y = y * g.stride + k - g.pad.top;
  if (in_y < 0 || in_y >= g.height) return 0;
  int64_t count = 0;
  for (int64_t j = 0; j < g.kernel; j++) {
    const int64_t begin = g.first(j, g.pad.left), end = g.last(j, g.pad.left, g.width, g.out_width);
    if (begin >= end) continue;
    taps[count++] = {x + g.in_row(n, in_y) + (j - g.pad.left) * g.channels,
                     weight + (k * g.kernel + j) * g.channels, begin, end};
  }
  return count;
}

}  // namespace zoo
