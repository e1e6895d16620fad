// Depthwise correlation over channels_last maps: channels are the vector, pixels the loop.
#pragma once

#include "activation.h"
#include "kernels.h"
#include "vector.h"

namespace zoo {
namespace ZOO_LEVEL {
namespace {

// Calls body(V{}, c) for each vector of channels, in the widest type that fits.
template <typename Body>
inline void over_channels(int64_t channels, Body body) {
  int64_t c = 0;
  for (; c + Wide::lanes <= channels; c += Wide::lanes) body(Wide{}, c);
  for (; c + Half::lanes <= channels; c += Half::lanes) body(Half{}, c);
  for (; c < channels; c++) body(Single{}, c);
}

struct Range {
  int64_t begin;
  int64_t end;
};

// The pixels for which every tap is valid.
inline Range interior(const Tap* taps, int64_t tap_count, int64_t pixels) {
  Range range = {0, pixels};
  for (int64_t t = 0; t < tap_count; t++) {
    if (taps[t].begin > range.begin) range.begin = taps[t].begin;
    if (taps[t].end < range.end) range.end = taps[t].end;
  }
  return range.begin < range.end ? range : Range{pixels, pixels};
}

// `tile` pixels, all taps valid: one load of a weight serves them all.
template <int tile, Activation activation, typename V>
inline void correlate_tile(V, const Tap* taps, int64_t tap_count, int64_t input_step, float* output,
                           int64_t output_step, int64_t pixel, int64_t c, const float* bias) {
  typename V::Float sums[tile];
  const auto first = bias == nullptr ? typename V::Float{} : V::load(bias + c);
  for (int p = 0; p < tile; p++) sums[p] = first;
  for (int64_t t = 0; t < tap_count; t++) {
    const auto weight = V::load(taps[t].weight + c);
    const float* input = taps[t].input + pixel * input_step + c;
    for (int p = 0; p < tile; p++) sums[p] += V::load(input + p * input_step) * weight;
  }
  for (int p = 0; p < tile; p++) V::store(output + (pixel + p) * output_step + c, activate<activation>(sums[p]));
}

template <Activation activation, typename V>
inline void correlate_edge(V, const Tap* taps, int64_t tap_count, int64_t input_step, float* output,
                           int64_t output_step, int64_t pixel, int64_t c, const float* bias) {
  auto sum = bias == nullptr ? typename V::Float{} : V::load(bias + c);
  for (int64_t t = 0; t < tap_count; t++) {
    if (pixel < taps[t].begin || pixel >= taps[t].end) continue;
    sum += V::load(taps[t].input + pixel * input_step + c) * V::load(taps[t].weight + c);
  }
  V::store(output + pixel * output_step + c, activate<activation>(sum));
}

template <Activation activation>
void correlate_with(const Tap* taps, int64_t tap_count, int64_t input_step, float* output, int64_t output_step,
                    int64_t pixels, int64_t channels, const float* bias) {
  const Range inside = interior(taps, tap_count, pixels);
  over_channels(channels, [=](auto v, int64_t c) {
    int64_t p = 0;
    for (; p < inside.begin; p++)
      correlate_edge<activation>(v, taps, tap_count, input_step, output, output_step, p, c, bias);
    for (; p + 8 <= inside.end; p += 8)
      correlate_tile<8, activation>(v, taps, tap_count, input_step, output, output_step, p, c, bias);
    for (; p + 4 <= inside.end; p += 4)
      correlate_tile<4, activation>(v, taps, tap_count, input_step, output, output_step, p, c, bias);
    for (; p < inside.end; p++)
      correlate_tile<1, activation>(v, taps, tap_count, input_step, output, output_step, p, c, bias);
    for (; p < pixels; p++)
      correlate_edge<activation>(v, taps, tap_count, input_step, output, output_step, p, c, bias);
  });
}

void correlate(const Tap* taps, int64_t tap_count, int64_t input_step, float* output, int64_t output_step,
               int64_t pixels, int64_t channels, Epilogue epilogue) {
  with_activation(epilogue.activation, [=](auto k) {
    correlate_with<k.activation>(taps, tap_count, input_step, output, output_step, pixels, channels, epilogue.bias);
  });
}

// `group` taps at once, so that one load of the gradient serves them all.
template <int group>
inline void accumulate_group(const Tap* taps, int64_t input_step, const float* gradient, float* weight, int64_t pixels,
                             int64_t channels) {
  const Range inside = interior(taps, group, pixels);
  over_channels(channels, [=](auto v, int64_t c) {
    typedef decltype(v) V;
    typename V::Float sums[group];
    for (int t = 0; t < group; t++) sums[t] = V::load(weight + t * channels + c);
    const auto edge = [&](int64_t p) {
      const auto g = V::load(gradient + p * channels + c);
      for (int t = 0; t < group; t++) {
        if (p >= taps[t].begin && p < taps[t].end) sums[t] += g * V::load(taps[t].input + p * input_step + c);
      }
    };
    for (int64_t p = 0; p < inside.begin; p++) edge(p);
    for (int64_t p = inside.begin; p < inside.end; p++) {
      const auto g = V::load(gradient + p * channels + c);
      for (int t = 0; t < group; t++) sums[t] += g * V::load(taps[t].input + p * input_step + c);
    }
    for (int64_t p = inside.end; p < pixels; p++) edge(p);
    for (int t = 0; t < group; t++) V::store(weight + t * channels + c, sums[t]);
  });
}

void accumulate(const Tap* taps, int64_t tap_count, int64_t input_step, const float* gradient, float* weight,
                int64_t pixels, int64_t channels) {
  switch (tap_count) {
    case 3: return accumulate_group<3>(taps, input_step, gradient, weight, pixels, channels);
    case 5: return accumulate_group<5>(taps, input_step, gradient, weight, pixels, channels);
    default:
      for (int64_t t = 0; t < tap_count; t++)
        accumulate_group<1>(taps + t, input_step, gradient, weight + t * channels, pixels, channels);
  }
}

}  // namespace
}  // namespace ZOO_LEVEL
}  // namespace zoo
