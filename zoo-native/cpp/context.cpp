// Switches of libtorch's global context.
#include <ATen/Context.h>

#include "error.h"

// `supported` is false on a CPU that cannot.
extern "C" char* zoo_set_flush_denormal(bool on, bool* supported) {
  return zoo::guarded([&] { *supported = at::globalContext().setFlushDenormal(on); });
}
