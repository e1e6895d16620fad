// Vectors of floats as the compiler's own types, at the width of the level this is compiled for.
#pragma once

#include <stdint.h>

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

typedef Vector<ZOO_VECTOR_BYTES> Wide;
// Mobile networks' channel counts are multiples of 8, not of 16.
typedef Vector<(ZOO_VECTOR_BYTES > 32 ? 32 : ZOO_VECTOR_BYTES)> Half;
typedef Vector<4> Single;

}  // namespace
}  // namespace ZOO_LEVEL
}  // namespace zoo
