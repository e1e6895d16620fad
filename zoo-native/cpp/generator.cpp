// The state of libtorch's default generators, taken and put back.
#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <mutex>

#include "error.h"

namespace {

at::Generator generator(int type, int index) {
  const at::Device device(static_cast<at::DeviceType>(type), static_cast<c10::DeviceIndex>(index));
  return at::globalContext().defaultGenerator(device);
}

}  // namespace

extern "C" char* zoo_generator_state(int type, int index, at::Tensor** out) {
  return zoo::guarded([&] {
    at::Generator own = generator(type, index);
    std::lock_guard<std::mutex> guard(own.mutex());
    *out = new at::Tensor(own.get_state());
  });
}

extern "C" char* zoo_generator_set_state(int type, int index, const at::Tensor* state) {
  return zoo::guarded([&] {
    at::Generator own = generator(type, index);
    std::lock_guard<std::mutex> guard(own.mutex());
    own.set_state(*state);
  });
}
