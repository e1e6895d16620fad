// Stochastic gradient descent in one pass over each parameter.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_sgd.h>

#include "error.h"
#include "pairing.h"
#include "tensors.h"

namespace {

struct Settings {
  double weight_decay;
  double momentum;
  double lr;
  double dampening;
  bool nesterov;
  bool first_step;
};

void fused_sgd(const std::vector<at::Tensor>& params, std::vector<at::Tensor> grads,
               const std::vector<at::Tensor>& buffers, const Settings& settings) {
  at::NoGradGuard no_grad;
  TORCH_CHECK(buffers.size() == (settings.momentum == 0 ? 0 : params.size()), "fused_sgd: momentum ",
              settings.momentum, " with ", params.size(), " parameters and ", buffers.size(), " buffers");
  zoo::pair(params, grads, "fused_sgd");
  if (!buffers.empty()) zoo::check_state(params, buffers, "fused_sgd: momentum buffer");
  if (params.empty()) return;
  at::_fused_sgd_(params, grads, buffers, settings.weight_decay, settings.momentum, settings.lr, settings.dampening,
                  settings.nesterov, /*maximize=*/false, settings.first_step);
}

}  // namespace

extern "C" char* zoo_fused_sgd(at::Tensor* const* params, at::Tensor* const* grads, size_t length,
                               at::Tensor* const* buffers, size_t buffer_count, double weight_decay, double momentum,
                               double lr, double dampening, bool nesterov, bool first_step) {
  return zoo::guarded([&] {
    fused_sgd(zoo::tensors(params, length), zoo::tensors(grads, length), zoo::tensors(buffers, buffer_count),
              {weight_decay, momentum, lr, dampening, nesterov, first_step});
  });
}
