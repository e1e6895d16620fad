// Activations and their derivatives on vectors, equal to libtorch's in value and at the corners; NaN passes through.
#pragma once

#include "kernels.h"
#include "vector.h"

namespace zoo {
namespace ZOO_LEVEL {
namespace {

// x - 0 is x for every x, x + 0 is not: only the former compiles to a plain broadcast.
template <typename F>
inline F splat(float value) {
  return value - F{};
}

template <typename F>
inline F clamp(F x, float low, float high) {
  return at_most(splat<F>(high), at_least(splat<F>(low), x));
}

// 2^n for a whole n in [-126, 127]: the exponent field is written directly.
inline float power_of_two(float n) {
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float result;
  __builtin_memcpy(&result, &bits, 4);
  return result;
}
template <typename F>
inline F power_of_two(F n) {
  typedef int32_t Int __attribute__((vector_size(sizeof(F))));
  const Int bits = (__builtin_convertvector(n, Int) + 127) << 23;
  return reinterpret_cast<F>(bits);
}

// p * 2^n for a whole n; AVX-512 has an instruction for it, which knows of values too small for the exponent.
template <typename F>
inline F scaled(F p, F n) {
  return p * power_of_two(n);
}

// 1 / d for a finite d that is not small.
template <typename F>
inline F reciprocal(F d) {
  return 1.0f / d;
}

#if ZOO_VECTOR_BYTES >= 64
inline Vector<64>::Float scaled(Vector<64>::Float p, Vector<64>::Float n) { return _mm512_scalef_ps(p, n); }
inline Vector<32>::Float scaled(Vector<32>::Float p, Vector<32>::Float n) { return _mm256_scalef_ps(p, n); }

// An estimate to 14 bits and a step of Newton's, which is as exact as a division to the last bit or two and takes a third of
// the time.
inline Vector<64>::Float reciprocal(Vector<64>::Float d) {
  const Vector<64>::Float y = _mm512_rcp14_ps(d);
  return y + y * (1.0f - d * y);
}
inline Vector<32>::Float reciprocal(Vector<32>::Float d) {
  const Vector<32>::Float y = _mm256_rcp14_ps(d);
  return y + y * (1.0f - d * y);
}
#endif

// Cephes' expf: relative error below 2e-7, which is what libtorch's vectorised exp has. The result is finite.
template <typename F>
inline F exponential(F x) {
  x = clamp(x, -87.0f, 87.0f);
  const F shifter = splat<F>(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  const F n = (x * 1.44269504f + shifter) - shifter;
  const F r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  F p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return scaled(p * r * r + r + 1.0f, n);
}

template <typename F>
inline F sigmoid(F x) {
  return reciprocal(1.0f + exponential(-x));
}

template <Activation activation, typename F>
inline F activate(F z) {
  const F zero = splat<F>(0.0f);
  if (activation == kRelu) return z < zero ? zero : z;
  if (activation == kRelu6) return clamp(z, 0.0f, 6.0f);
  if (activation == kSilu) return z * sigmoid(z);
  if (activation == kHardSwish) return z * clamp(z + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
  if (activation == kSigmoid) return sigmoid(z);
  if (activation == kHardSigmoid) return clamp(z + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
  return z;
}

template <Activation value>
struct Constant {
  static constexpr Activation activation = value;
};

// Always inlined, as must be its body: sums that a function of its own reads are not kept in registers.
template <typename Body>
__attribute__((always_inline)) inline void with_activation(Activation activation, Body body) {
  switch (activation) {
    case kRelu: return body(Constant<kRelu>{});
    case kRelu6: return body(Constant<kRelu6>{});
    case kSilu: return body(Constant<kSilu>{});
    case kHardSwish: return body(Constant<kHardSwish>{});
    case kSigmoid: return body(Constant<kSigmoid>{});
    case kHardSigmoid: return body(Constant<kHardSigmoid>{});
    case kNone: return body(Constant<kNone>{});
  }
}

// dy * activation'(z)
template <Activation activation, typename F>
inline F backpropagate(F dy, F z) {
  const F zero = splat<F>(0.0f);
  if (activation == kRelu) return z <= zero ? zero : dy;
  if (activation == kRelu6) {
    const F below = z < splat<F>(6.0f) ? dy : zero;
    return z > zero ? below : zero;
  }
  if (activation == kSilu) {
    const F s = sigmoid(z);
    return dy * s * (1.0f + z * (1.0f - s));
  }
  if (activation == kHardSwish) {
    const F middle = dy * (z * (1.0f / 3.0f) + 0.5f);
    const F upper = z > splat<F>(3.0f) ? dy : middle;
    return z < splat<F>(-3.0f) ? zero : upper;
  }
  if (activation == kSigmoid) {
    const F s = sigmoid(z);
    return dy * s * (1.0f - s);
  }
  if (activation == kHardSigmoid) {
    const F below = z < splat<F>(3.0f) ? dy * (1.0f / 6.0f) : zero;
    return z > splat<F>(-3.0f) ? below : zero;
  }
  return dy;
}

}  // namespace
}  // namespace ZOO_LEVEL
}  // namespace zoo
