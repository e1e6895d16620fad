// Switches of libtorch's global context.
#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <torch/version.h>

#include "error.h"

extern "C" void zoo_error_free(char* message) {
  if (message != zoo::kNoMemory) free(message);
}

// `supported` is false on a CPU that cannot.
extern "C" char* zoo_set_flush_denormal(bool on, bool* supported) {
  return zoo::guarded([&] { *supported = at::globalContext().setFlushDenormal(on); });
}

// Opens a scope in which libtorch computes convolutions and matrix products of `device` in bfloat16.
extern "C" char* zoo_autocast_enter(int device) {
  return zoo::guarded([&] {
    auto type = static_cast<at::DeviceType>(device);
    at::autocast::set_autocast_dtype(type, at::kBFloat16);
    at::autocast::set_autocast_enabled(type, true);
    at::autocast::increment_nesting();
  });
}

extern "C" char* zoo_autocast_leave(int device) {
  return zoo::guarded([&] {
    // Weights that were cast are kept for the length of a scope.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(static_cast<at::DeviceType>(device), false);
  });
}

// Whether CUDA may round to TensorFloat, and whether cuDNN tries its algorithms before it settles on one.
extern "C" char* zoo_set_cuda_modes(bool tf32, bool benchmark) {
  return zoo::guarded([&] {
    auto& context = at::globalContext();
    context.setAllowTF32CuBLAS(tf32);
    context.setAllowTF32CuDNN(tf32);
    context.setBenchmarkCuDNN(benchmark);
  });
}

// The version of the headers that this was compiled with; the loader refuses another major or minor one.
extern "C" const char* zoo_libtorch_version() { return TORCH_VERSION; }
