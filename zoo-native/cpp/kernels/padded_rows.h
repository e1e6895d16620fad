// Depthwise convolution of padded rows: no tap is ever outside, so that pixels share what they load.
#pragma once

#include "activation.h"
#include "depthwise.h"
#include "kernels.h"
#include "vector.h"

namespace zoo {
namespace ZOO_LEVEL {
namespace {

// Rows of the usual maps (112, 56, 28, 14 and 7 pixels) are whole tiles. Sums, the weights of a row of taps and a pixel then
// are in 16 registers.
constexpr int kRowTile = 7;

// Each input pixel is loaded once and goes to all outputs of the tile that read it.
template <int tile, int kernel, int stride, typename V>
inline void row_sums(V, const PaddedRows& rows, int64_t pixel, int64_t c, typename V::Float* sums) {
  typedef typename V::Float Float;
  for (int64_t t = 0; t < rows.count; t++) {
    const float* input = rows.inputs[t] + pixel * stride * rows.step + c;
    Float weight[kernel];
#pragma GCC unroll 8
    for (int k = 0; k < kernel; k++) weight[k] = V::load(rows.weights[t] + k * rows.weight_step + c);
#pragma GCC unroll 32
    for (int i = 0; i < (tile - 1) * stride + kernel; i++) {
      const Float x = V::load(input + i * rows.step);
#pragma GCC unroll 8
      for (int k = 0; k < kernel; k++) {
        const int output = (i - k) / stride;
        if (i >= k && output * stride == i - k && output < tile) sums[output] += x * weight[k];
      }
    }
  }
}

// The same for kernels and strides that are known only now.
template <int tile, typename V>
inline void any_row_sums(V, const PaddedRows& rows, int64_t pixel, int64_t c, typename V::Float* sums) {
  const int64_t step = rows.stride * rows.step;
  for (int64_t t = 0; t < rows.count; t++) {
    for (int64_t k = 0; k < rows.kernel; k++) {
      const float* input = rows.inputs[t] + pixel * step + k * rows.step + c;
      const auto weight = V::load(rows.weights[t] + k * rows.weight_step + c);
      for (int p = 0; p < tile; p++) sums[p] += V::load(input + p * step) * weight;
    }
  }
}

template <int tile, int kernel, int stride, typename V>
inline void row_tile(V v, const PaddedRows& rows, float* output, int64_t output_step, int64_t pixel, int64_t c,
                     Epilogue epilogue) {
  typename V::Float sums[tile];
  const auto first = epilogue.bias == nullptr ? typename V::Float{} : V::load(epilogue.bias + c);
#pragma GCC unroll 8
  for (int p = 0; p < tile; p++) sums[p] = first;
  if constexpr (kernel == 0) {
    any_row_sums<tile>(v, rows, pixel, c, sums);
  } else {
    row_sums<tile, kernel, stride>(v, rows, pixel, c, sums);
  }
  float* out = output + pixel * output_step + c;
  with_activation(epilogue.activation, [&](auto k) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int p = 0; p < tile; p++) V::store(out + p * output_step, activate<k.activation>(sums[p]));
  });
}

// Tiles of pixels go over all channels before the next one begins, so that memory is read as it lies. The last tile is moved
// up to end with the last pixel.
template <int kernel, int stride>
void depthwise_with(const PaddedRows& rows, float* output, int64_t output_step, int64_t pixels, int64_t channels,
                    Epilogue epilogue) {
  if (pixels < kRowTile) {
    for (int64_t p = 0; p < pixels; p++)
      over_channels(channels, [&](auto v, int64_t c) {
        row_tile<1, kernel, stride>(v, rows, output, output_step, p, c, epilogue);
      });
    return;
  }
  for (int64_t p = 0; p < pixels; p += kRowTile) {
    const int64_t at = p + kRowTile <= pixels ? p : pixels - kRowTile;
    over_channels(channels, [&](auto v, int64_t c) {
      row_tile<kRowTile, kernel, stride>(v, rows, output, output_step, at, c, epilogue);
    });
  }
}

void depthwise(PaddedRows rows, float* output, int64_t output_step, int64_t pixels, int64_t channels,
               Epilogue epilogue) {
  const auto run = [&](auto body) { body(rows, output, output_step, pixels, channels, epilogue); };
  switch (rows.kernel * 10 + rows.stride) {
    case 31: return run(depthwise_with<3, 1>);
    case 32: return run(depthwise_with<3, 2>);
    case 51: return run(depthwise_with<5, 1>);
    case 52: return run(depthwise_with<5, 2>);
    case 71: return run(depthwise_with<7, 1>);
    default: return run(depthwise_with<0, 1>);
  }
}

}  // namespace
}  // namespace ZOO_LEVEL
}  // namespace zoo
