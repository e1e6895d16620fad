// Switches of libtorch's global context.
#include <ATen/Context.h>
#include <torch/version.h>

#include "error.h"

// `supported` is false on a CPU that cannot.
extern "C" char* zoo_set_flush_denormal(bool on, bool* supported) {
  return zoo::guarded([&] { *supported = at::globalContext().setFlushDenormal(on); });
}

// The version of the headers that this was compiled with; the loader refuses another major or minor one.
extern "C" const char* zoo_libtorch_version() { return TORCH_VERSION; }
