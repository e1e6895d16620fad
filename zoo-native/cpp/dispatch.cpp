// Which instruction level runs: the highest that both the build and this machine have.
#include <atomic>

#include "kernels/kernels.h"

namespace zoo {
namespace {

enum Level : int { kBaseline = 0, kAvx2 = 1, kAvx512 = 2 };

int supported() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kAvx2;
#endif
  return kBaseline;
}

const Kernels* table(int level) {
#if defined(__x86_64__)
  if (level >= kAvx512) return &avx512::kernels;
  if (level >= kAvx2) return &avx2::kernels;
#endif
  return &baseline::kernels;
}

std::atomic<int>& chosen() {
  static std::atomic<int> level{supported()};
  return level;
}

}  // namespace

const Kernels& kernels() { return *table(chosen().load(std::memory_order_relaxed)); }

}  // namespace zoo

extern "C" int64_t zoo_multiply_adds(int64_t rounds) { return zoo::kernels().multiply_adds(rounds, 0.5f); }

extern "C" int zoo_best_simd_level() { return zoo::supported(); }

extern "C" int zoo_simd_level() { return zoo::chosen().load(); }

// Returns the level that now runs: the one asked for, or the machine's if that is lower.
extern "C" int zoo_set_simd_level(int level) {
  const int highest = zoo::supported();
  zoo::chosen().store(level < highest ? level : highest);
  return zoo_simd_level();
}
