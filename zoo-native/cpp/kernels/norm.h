// The four passes of batch normalisation fused with an activation. All are bound by memory, so they recompute what can
// be recomputed from x rather than store it.
#pragma once

#include "activation.h"
#include "kernels.h"
#include "vector.h"

namespace zoo {
namespace ZOO_LEVEL {
namespace {

// Calls body(V{}, i) for each vector of a row, then for the remainder that a short last row leaves.
template <typename Body>
inline void across(int64_t length, Body body) {
  int64_t i = 0;
  for (; i + Wide::lanes <= length; i += Wide::lanes) body(Wide{}, i);
  for (; i < length; i++) body(Single{}, i);
}

// Two sums a channel over `rows` rows at once. The sums live in L1: with four rows to a load and a store of them this
// streams x from memory in order, which for hundreds of channels beats holding sums in registers and striding.
template <int rows, typename Term>
inline void sum_rows(int64_t length, int64_t period, float* first, float* second, Term term) {
  across(length, [&](auto v, int64_t i) {
    typedef decltype(v) V;
    auto a = V::load(first + i);
    auto b = V::load(second + i);
    for (int row = 0; row < rows; row++) term(v, i, row * period, a, b);
    V::store(first + i, a);
    V::store(second + i, b);
  });
}

template <typename MakeTerm>
inline void sum_all(int64_t count, int64_t period, float* first, float* second, MakeTerm term_at) {
  int64_t start = 0;
  for (; start + 4 * period <= count; start += 4 * period)
    sum_rows<4>(period, period, first, second, term_at(start));
  for (; start < count; start += period) {
    const int64_t left = count - start;
    sum_rows<1>(left < period ? left : period, period, first, second, term_at(start));
  }
}

void moments(const float* x, int64_t count, int64_t period, const float* pivot, float* sum, float* square) {
  sum_all(count, period, sum, square, [=](int64_t start) {
    return [=](auto v, int64_t i, int64_t row, auto& a, auto& b) {
      typedef decltype(v) V;
      const auto d = V::load(x + start + row + i) - V::load(pivot + i);
      a += d;
      b += d * d;
    };
  });
}

template <Activation activation>
void reduce_with(const float* x, const float* dy, int64_t count, int64_t period, Coefficients c, float* sum,
                 float* product) {
  sum_all(count, period, sum, product, [=](int64_t start) {
    return [=](auto v, int64_t i, int64_t row, auto& a, auto& b) {
      typedef decltype(v) V;
      const auto d = V::load(x + start + row + i) - V::load(c.mean + i);
      const auto z = d * V::load(c.scale + i) + V::load(c.bias + i);
      const auto g = backpropagate<activation>(V::load(dy + start + row + i), z);
      a += g;
      b += g * d;
    };
  });
}

template <typename Body>
inline void each_row(int64_t count, int64_t period, Body body) {
  for (int64_t start = 0; start < count; start += period) {
    const int64_t left = count - start;
    across(left < period ? left : period, [&](auto v, int64_t i) { body(v, start, i); });
  }
}

template <Activation activation, bool add>
void normalize_with(const float* x, const float* residual, float* y, int64_t count, int64_t period, Coefficients c) {
  each_row(count, period, [=](auto v, int64_t start, int64_t i) {
    typedef decltype(v) V;
    // (x - mean) first: x * scale + (bias - mean * scale) cancels where the mean is large against the deviation.
    const auto z = (V::load(x + start + i) - V::load(c.mean + i)) * V::load(c.scale + i) + V::load(c.bias + i);
    auto out = activate<activation>(z);
    if (add) out += V::load(residual + start + i);
    V::store(y + start + i, out);
  });
}

template <Activation activation>
void gradient_with(const float* x, const float* dy, float* dx, int64_t count, int64_t period, Coefficients c,
                   const float* offset, const float* slope) {
  each_row(count, period, [=](auto v, int64_t start, int64_t i) {
    typedef decltype(v) V;
    const auto d = V::load(x + start + i) - V::load(c.mean + i);
    const auto scale = V::load(c.scale + i);
    const auto g = backpropagate<activation>(V::load(dy + start + i), d * scale + V::load(c.bias + i));
    V::store(dx + start + i, scale * (g - V::load(offset + i) - d * V::load(slope + i)));
  });
}

void normalize(const float* x, const float* residual, float* y, int64_t count, int64_t period, Coefficients c,
               Activation activation) {
  with_activation(activation, [=](auto k) {
    if (residual == nullptr) {
      normalize_with<k.activation, false>(x, residual, y, count, period, c);
    } else {
      normalize_with<k.activation, true>(x, residual, y, count, period, c);
    }
  });
}

void reduce(const float* x, const float* dy, int64_t count, int64_t period, Coefficients c, Activation activation,
            float* sum, float* product) {
  with_activation(activation,
                  [=](auto k) { reduce_with<k.activation>(x, dy, count, period, c, sum, product); });
}

void gradient(const float* x, const float* dy, float* dx, int64_t count, int64_t period, Coefficients c,
              Activation activation, const float* offset, const float* slope) {
  with_activation(activation,
                  [=](auto k) { gradient_with<k.activation>(x, dy, dx, count, period, c, offset, slope); });
}

}  // namespace
}  // namespace ZOO_LEVEL
}  // namespace zoo
