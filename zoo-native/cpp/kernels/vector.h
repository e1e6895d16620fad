// Vectors of floats as the compiler's own types, at the width of the level this is compiled for.
#pragma once

#include <stdint.h>

#if defined(__x86_64__)
// Its functions are always inlined, so that none of them is kept for another level.
#include <immintrin.h>
#endif

namespace zoo {
namespace ZOO_LEVEL {
namespace {

// Tensors are aligned to their element only once they are views; may_alias because a float is stored there.
template <int bytes>
struct Vector {
  typedef float Float __attribute__((vector_size(bytes)));
  typedef float Memory __attribute__((vector_size(bytes), aligned(4), may_alias));
  static constexpr int64_t lanes = bytes / 4;

  static inline Float load(const float* p) { return *reinterpret_cast<const Memory*>(p); }
  static inline void store(float* p, Float v) { *reinterpret_cast<Memory*>(p) = v; }
};

// The remainder, one float at a time, in the same code.
template <>
struct Vector<4> {
  typedef float Float;
  static constexpr int64_t lanes = 1;

  static inline Float load(const float* p) { return *p; }
  static inline void store(float* p, Float v) { *p = v; }
};

// max(low, x) and min(high, x), with NaN where x is NaN. Compilers make two instructions of the comparison, where the one that
// there is has the same corners.
template <typename F>
inline F at_least(F low, F x) {
  return x < low ? low : x;
}
template <typename F>
inline F at_most(F high, F x) {
  return x > high ? high : x;
}

#if defined(__x86_64__)
inline Vector<16>::Float at_least(Vector<16>::Float low, Vector<16>::Float x) { return _mm_max_ps(low, x); }
inline Vector<16>::Float at_most(Vector<16>::Float high, Vector<16>::Float x) { return _mm_min_ps(high, x); }
#if ZOO_VECTOR_BYTES >= 32
inline Vector<32>::Float at_least(Vector<32>::Float low, Vector<32>::Float x) { return _mm256_max_ps(low, x); }
inline Vector<32>::Float at_most(Vector<32>::Float high, Vector<32>::Float x) { return _mm256_min_ps(high, x); }
#endif
#if ZOO_VECTOR_BYTES >= 64
inline Vector<64>::Float at_least(Vector<64>::Float low, Vector<64>::Float x) { return _mm512_max_ps(low, x); }
inline Vector<64>::Float at_most(Vector<64>::Float high, Vector<64>::Float x) { return _mm512_min_ps(high, x); }
#endif
#endif

typedef Vector<ZOO_VECTOR_BYTES> Wide;
// Mobile networks' channel counts are multiples of 8, not of 16.
typedef Vector<(ZOO_VECTOR_BYTES > 32 ? 32 : ZOO_VECTOR_BYTES)> Half;
typedef Vector<4> Single;

}  // namespace
}  // namespace ZOO_LEVEL
}  // namespace zoo
