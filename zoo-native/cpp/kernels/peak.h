// Multiply-adds that touch no memory: what the vector units could do at best.
#pragma once

#include "kernels.h"
#include "vector.h"

namespace zoo {
namespace ZOO_LEVEL {
namespace {

// More sums than a multiply-add takes cycles, times the units that a processor has.
constexpr int kPeakSums = 12;

int64_t multiply_adds(int64_t rounds, float seed) {
  typedef Wide::Float Float;
  // The factor is part of the chain: a product of two constants would be computed once.
  const Float factor = Float{} + seed, term = Float{} + (1.0f - seed);
  Float sums[kPeakSums];
#pragma GCC unroll 12
  for (int i = 0; i < kPeakSums; i++) sums[i] = Float{} + static_cast<float>(i);
  for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < kPeakSums; i++) sums[i] = sums[i] * factor + term;
  }
  for (int i = 1; i < kPeakSums; i++) sums[0] += sums[i];
  // The result depends on all of it, in a way that changes nothing.
  return rounds * kPeakSums * Wide::lanes + (sums[0][0] == -1.0f ? 1 : 0);
}

}  // namespace
}  // namespace ZOO_LEVEL
}  // namespace zoo
