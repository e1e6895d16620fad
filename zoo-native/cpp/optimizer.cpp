// AdamW, RMSprop as TensorFlow has it, LAMB, and the running average of tensors.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>

#include <cmath>

#include "error.h"
#include "pairing.h"
#include "tensors.h"

namespace {

struct Lists {
  std::vector<at::Tensor> params;
  std::vector<at::Tensor> grads;
  std::vector<at::Tensor> first;
  std::vector<at::Tensor> second;
};

Lists lists(at::Tensor* const* params, at::Tensor* const* grads, at::Tensor* const* first, at::Tensor* const* second,
            size_t length, const char* caller) {
  Lists all{zoo::tensors(params, length), zoo::tensors(grads, length), zoo::tensors(first, length),
            zoo::tensors(second, length)};
  zoo::pair(all.params, all.grads, caller);
  zoo::check_state(all.params, all.first, caller);
  zoo::check_state(all.params, all.second, caller);
  return all;
}

// Adds the penalty to gradients of their own memory: those handed in belong to the caller.
std::vector<at::Tensor> penalised(const Lists& all, double weight_decay) {
  return weight_decay == 0 ? all.grads : at::_foreach_add(all.grads, all.params, weight_decay);
}

}  // namespace

// `step` counts from 1.
extern "C" char* zoo_adamw(at::Tensor* const* params, at::Tensor* const* grads, at::Tensor* const* first,
                           at::Tensor* const* second, size_t length, int64_t step, double lr, double beta1,
                           double beta2, double eps, double weight_decay) {
  return zoo::guarded([&] {
    at::NoGradGuard no_grad;
    auto all = lists(params, grads, first, second, length, "adamw");
    if (all.params.empty()) return;
    // The kernel reads how many steps were done from a float tensor for each parameter; it does not count up itself.
    auto steps = at::full({}, double(step), all.params[0].options().dtype(at::kFloat));
    std::vector<at::Tensor> counts(length, steps);
    at::_fused_adamw_(all.params, all.grads, all.first, all.second, {}, counts, lr, beta1, beta2, weight_decay, eps,
                      /*amsgrad=*/false, /*maximize=*/false);
  });
}

// TensorFlow's: epsilon inside the root, and the learning rate inside the momentum, so that a change of it takes effect
// as slowly as the momentum forgets. `square` starts at one, which is the caller's affair.
extern "C" char* zoo_rmsprop(at::Tensor* const* params, at::Tensor* const* grads, at::Tensor* const* square,
                             at::Tensor* const* momentum_buffers, size_t length, double lr, double alpha,
                             double momentum, double eps, double weight_decay) {
  return zoo::guarded([&] {
    at::NoGradGuard no_grad;
    auto all = lists(params, grads, square, momentum_buffers, length, "rmsprop");
    if (all.params.empty()) return;
    auto direction = penalised(all, weight_decay);
    at::_foreach_mul_(all.first, alpha);
    at::_foreach_addcmul_(all.first, direction, direction, 1 - alpha);
    auto root = at::_foreach_add(all.first, eps);
    at::_foreach_sqrt_(root);
    at::_foreach_mul_(all.second, momentum);
    at::_foreach_addcdiv_(all.second, direction, root, lr);
    at::_foreach_sub_(all.params, all.second);
  });
}

// You et al. 2020 (arXiv:1904.00962), algorithm 2 with bias correction; the trust ratio is one where either norm is
// zero, and for tensors without weight decay, as in the authors' code.
extern "C" char* zoo_lamb(at::Tensor* const* params, at::Tensor* const* grads, at::Tensor* const* first,
                          at::Tensor* const* second, size_t length, int64_t step, double lr, double beta1,
                          double beta2, double eps, double weight_decay) {
  return zoo::guarded([&] {
    at::NoGradGuard no_grad;
    auto all = lists(params, grads, first, second, length, "lamb");
    if (all.params.empty()) return;
    at::_foreach_lerp_(all.first, all.grads, 1 - beta1);
    at::_foreach_mul_(all.second, beta2);
    at::_foreach_addcmul_(all.second, all.grads, all.grads, 1 - beta2);
    auto root = at::_foreach_div(all.second, 1 - std::pow(beta2, step));
    at::_foreach_sqrt_(root);
    at::_foreach_add_(root, eps);
    auto update = at::_foreach_div(all.first, 1 - std::pow(beta1, step));
    update = at::_foreach_div(update, root);
    if (weight_decay != 0) {
      at::_foreach_add_(update, all.params, weight_decay);
      auto sizes = at::_foreach_norm(all.params, 2);
      auto lengths = at::_foreach_norm(update, 2);
      for (size_t i = 0; i < length; i++) {
        double size = sizes[i].item<double>(), change = lengths[i].item<double>();
        if (size > 0 && change > 0) update[i].mul_(size / change);
      }
    }
    at::_foreach_sub_(all.params, at::_foreach_mul(update, lr));
  });
}

// Moves each average by `share` of its distance to the value.
extern "C" char* zoo_move_average(at::Tensor* const* averages, at::Tensor* const* values, size_t length,
                                  double share) {
  return zoo::guarded([&] {
    at::NoGradGuard no_grad;
    if (length > 0) at::_foreach_lerp_(zoo::tensors(averages, length), zoo::tensors(values, length), share);
  });
}
