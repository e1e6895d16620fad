// TorchScript from source: compiled, frozen and optimised for inference.
#include <torch/csrc/jit/api/module.h>

#include "error.h"
#include "tensors.h"

namespace {

// Attributes named w0, w1, ... are what the source calls its weights.
torch::jit::Module compile(const char* source, const std::vector<at::Tensor>& weights, bool optimise) {
  torch::jit::Module module("Network");
  module.register_attribute("training", c10::BoolType::get(), false);
  for (size_t i = 0; i < weights.size(); i++)
    module.register_parameter("w" + std::to_string(i), weights[i].detach(), false);
  module.define(source);
  module.eval();
  module = torch::jit::freeze(module);
  return optimise ? torch::jit::optimize_for_inference(module) : module;
}

}  // namespace

extern "C" char* zoo_script_new(const char* source, at::Tensor* const* weights, size_t length, bool optimise,
                                torch::jit::Module** out) {
  return zoo::guarded(
      [&] { *out = new torch::jit::Module(compile(source, zoo::tensors(weights, length), optimise)); });
}

extern "C" void zoo_script_free(torch::jit::Module* module) { delete module; }

extern "C" char* zoo_script_run(torch::jit::Module* module, const at::Tensor* x, at::Tensor** out) {
  return zoo::guarded([&] { *out = new at::Tensor(module->forward({*x}).toTensor()); });
}
