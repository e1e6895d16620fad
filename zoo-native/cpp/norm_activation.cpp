// Batch normalisation and activation as one autograd node over channels_last f32 maps.
//
// libtorch runs them as two nodes of two to three passes each, and keeps both the map before and the map after the norm
// for the backward pass. Here each direction is two passes, and only the input is kept.
#include <ATen/Parallel.h>
#include <ATen/ops/add.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/var_mean.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <numeric>

#include "comm.h"
#include "derivatives.h"
#include "error.h"
#include "kernels/kernels.h"
#include "tensors.h"

namespace {

using at::Tensor;
using zoo::Activation;

// A map as the kernels see it (kernels.h), cut into pieces for the threads. The cut depends on the shape only, so sums
// do not depend on the number of threads.
struct Map {
  int64_t channels;
  int64_t pixels;
  int64_t period;
  int64_t pieces;
  int64_t piece;  // floats a piece; a multiple of the period

  explicit Map(const Tensor& x) : channels(x.size(1)), pixels(x.numel() / x.size(1)) {
    int64_t repeat = 16 / std::gcd(channels, int64_t{16});
    while (channels * repeat < 64) repeat *= 2;  // one vector a row would wait on the sum before
    period = channels * repeat;
    const int64_t rows = (x.numel() + period - 1) / period;
    pieces = std::clamp<int64_t>(x.numel() / 65536, 1, std::min<int64_t>(rows, 32));
    piece = (rows + pieces - 1) / pieces * period;
    pieces = (x.numel() + piece - 1) / piece;
  }

  int64_t count(int64_t p) const { return std::min(piece, channels * pixels - p * piece); }

  // The channels' values repeated along the period.
  template <typename Value>
  std::vector<float> repeated(Value value) const {
    std::vector<float> out(period);
    for (int64_t c = 0; c < channels; c++) out[c] = static_cast<float>(value(c));
    for (int64_t i = channels; i < period; i++) out[i] = out[i - channels];
    return out;
  }
};

// A task is worth a thread from about 16k floats on.
template <typename Body>
void parallel_pieces(const Map& map, Body body) {
  at::parallel_for(0, map.pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) body(p);
  });
}

struct Sums {
  std::vector<double> first;
  std::vector<double> second;
};

// Two sums a channel. `kernel(offset, count, first, second)` adds in f32 over a block of rows short enough that the
// rounding of the sum stays that of its terms; the blocks are added up in f64, in order.
template <typename Kernel>
Sums channel_sums(const Map& map, Kernel kernel) {
  constexpr int64_t block_rows = 64;
  std::vector<double> partial(map.pieces * 2 * map.channels, 0.0);
  parallel_pieces(map, [&](int64_t p) {
    std::vector<float> block(2 * map.period);
    double* out = partial.data() + p * 2 * map.channels;
    const int64_t end = map.count(p);
    for (int64_t start = 0; start < end; start += block_rows * map.period) {
      std::fill(block.begin(), block.end(), 0.0f);
      kernel(p * map.piece + start, std::min(block_rows * map.period, end - start), block.data(),
             block.data() + map.period);
      for (int64_t i = 0; i < map.period; i += map.channels) {
        for (int64_t c = 0; c < map.channels; c++) {
          out[c] += block[i + c];
          out[map.channels + c] += block[map.period + i + c];
        }
      }
    }
  });
  Sums sums{std::vector<double>(map.channels, 0.0), std::vector<double>(map.channels, 0.0)};
  for (int64_t p = 0; p < map.pieces; p++) {
    const double* out = partial.data() + p * 2 * map.channels;
    for (int64_t c = 0; c < map.channels; c++) {
      sums.first[c] += out[c];
      sums.second[c] += out[map.channels + c];
    }
  }
  return sums;
}

struct Statistics {
  std::vector<float> mean;
  std::vector<float> variance;  // biased
  double pixels;                // that they are of; more than the map's where ranks share them
};

// Those of the maps of all ranks, of which this rank's has `pixels`. In f64 the squares do not cancel.
Statistics shared(const std::vector<double>& mean, const std::vector<double>& variance, double pixels) {
  const size_t channels = mean.size();
  std::vector<double> sums(2 * channels + 1, pixels);
  for (size_t c = 0; c < channels; c++) {
    sums[c] *= mean[c];
    sums[channels + c] *= variance[c] + mean[c] * mean[c];
  }
  zoo::sum_over_ranks(sums.data(), sums.size());
  Statistics out{std::vector<float>(channels), std::vector<float>(channels), sums.back()};
  for (size_t c = 0; c < channels; c++) {
    const double average = sums[c] / out.pixels;
    out.mean[c] = static_cast<float>(average);
    out.variance[c] = static_cast<float>(std::max(0.0, sums[channels + c] / out.pixels - average * average));
  }
  return out;
}

// The variance is that of x minus a pivot near the mean, so that it does not cancel where the mean is large. The pivot
// is the average of a few pixels: a single one may be far out.
Statistics statistics(const Map& map, const float* x) {
  constexpr int64_t samples = 8;
  const std::vector<float> pivot = map.repeated([&](int64_t c) {
    double sum = 0;
    for (int64_t s = 0; s < samples; s++) sum += x[map.pixels * s / samples * map.channels + c];
    return sum / samples;
  });
  const Sums sums = channel_sums(map, [&](int64_t offset, int64_t count, float* sum, float* square) {
    zoo::kernels().moments(x + offset, count, map.period, pivot.data(), sum, square);
  });
  std::vector<double> mean(map.channels), variance(map.channels);
  for (int64_t c = 0; c < map.channels; c++) {
    const double shift = sums.first[c] / map.pixels;
    mean[c] = pivot[c] + shift;
    // A deviation from the rounded mean would be a bias of the normalised map, but one below f32's resolution of x.
    variance[c] = std::max(0.0, sums.second[c] / map.pixels - shift * shift);
  }
  const auto pixels = static_cast<double>(map.pixels);
  if (zoo::norms_are_synchronized()) return shared(mean, variance, pixels);
  return {{mean.begin(), mean.end()}, {variance.begin(), variance.end()}, pixels};
}

// Mean, scale and bias along the period, kept alive while the kernels read them.
struct Affine {
  std::vector<float> mean;
  std::vector<float> scale;
  std::vector<float> bias;

  zoo::Coefficients view() const { return {mean.data(), scale.data(), bias.data()}; }
};

Affine affine(const Map& map, const float* mean, const float* deviation_inverse, const float* weight,
              const float* bias) {
  return {map.repeated([=](int64_t c) { return mean[c]; }),
          map.repeated([=](int64_t c) { return weight[c] * deviation_inverse[c]; }),
          map.repeated([=](int64_t c) { return bias[c]; })};
}

Tensor normalized(const Map& map, const Tensor& x, const Affine& affine, const Tensor& residual,
                  Activation activation) {
  Tensor y = at::empty_like(x);
  const float* in = x.const_data_ptr<float>();
  const float* add = residual.defined() ? residual.const_data_ptr<float>() : nullptr;
  float* out = y.mutable_data_ptr<float>();
  parallel_pieces(map, [&](int64_t p) {
    const int64_t offset = p * map.piece;
    zoo::kernels().normalize(in + offset, add == nullptr ? nullptr : add + offset, out + offset, map.count(p),
                             map.period, affine.view(), activation);
  });
  return y;
}

struct Settings {
  double momentum;
  double eps;
  Activation activation;
};

void update_running(const Statistics& now, double momentum, const Tensor& mean, const Tensor& var) {
  if (!mean.defined()) return;
  float* running_mean = mean.mutable_data_ptr<float>();
  float* running_var = var.mutable_data_ptr<float>();
  // A single value has no unbiased variance; its own, zero, keeps the running one a number.
  const double unbiased = now.pixels > 1 ? now.pixels / (now.pixels - 1) : 1.0;
  for (size_t c = 0; c < now.mean.size(); c++) {
    running_mean[c] = static_cast<float>(momentum * now.mean[c] + (1 - momentum) * running_mean[c]);
    running_var[c] = static_cast<float>(momentum * unbiased * now.variance[c] + (1 - momentum) * running_var[c]);
  }
}

struct Gradients {
  Tensor x;
  Tensor weight;
  Tensor bias;
};

// `pixels` is what the statistics are of: where that is more than the map has, ranks shared them.
Gradients gradients(const Tensor& x, const Tensor& dy, const Tensor& weight, const Tensor& bias, const Tensor& saved,
                    Activation activation, bool wants_x, double pixels) {
  const Map map(x);
  const float* mean = saved.const_data_ptr<float>();
  const float* inverse = mean + map.channels;
  const Affine c = affine(map, mean, inverse, weight.const_data_ptr<float>(), bias.const_data_ptr<float>());
  const float* in = x.const_data_ptr<float>();
  const float* up = dy.const_data_ptr<float>();
  Sums sums = channel_sums(map, [&](int64_t offset, int64_t count, float* sum, float* product) {
    zoo::kernels().reduce(in + offset, up + offset, count, map.period, c.view(), activation, sum, product);
  });
  Gradients out{Tensor(), at::empty_like(weight), at::empty_like(bias)};
  for (int64_t i = 0; i < map.channels; i++) {
    out.weight.mutable_data_ptr<float>()[i] = static_cast<float>(sums.second[i] * inverse[i]);
    out.bias.mutable_data_ptr<float>()[i] = static_cast<float>(sums.first[i]);
  }
  if (!wants_x) return out;
  if (pixels > static_cast<double>(map.pixels)) {
    std::vector<double> all(sums.first);
    all.insert(all.end(), sums.second.begin(), sums.second.end());
    zoo::sum_over_ranks(all.data(), all.size());
    sums = {{all.begin(), all.begin() + map.channels}, {all.begin() + map.channels, all.end()}};
  }
  const auto offsets = map.repeated([&](int64_t i) { return sums.first[i] / pixels; });
  const auto slopes = map.repeated([&](int64_t i) { return sums.second[i] / pixels * inverse[i] * inverse[i]; });
  out.x = at::empty_like(x);
  float* dx = out.x.mutable_data_ptr<float>();
  parallel_pieces(map, [&](int64_t p) {
    const int64_t offset = p * map.piece;
    zoo::kernels().gradient(in + offset, up + offset, dx + offset, map.count(p), map.period, c.view(), activation,
                            offsets.data(), slopes.data());
  });
  return out;
}

// The running statistics travel in a struct: they are buffers that this updates, not inputs to differentiate.
struct Running {
  Tensor mean;
  Tensor var;
};

struct NormActivation : torch::autograd::Function<NormActivation> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, const std::optional<Tensor>& residual, const Running& running,
                        const Settings& settings) {
    const Map map(x);
    const Statistics now = statistics(map, x.const_data_ptr<float>());
    update_running(now, settings.momentum, running.mean, running.var);
    Tensor saved = at::empty({2, map.channels}, x.options().memory_format(std::nullopt));
    float* mean = saved.mutable_data_ptr<float>();
    float* inverse = mean + map.channels;
    for (int64_t c = 0; c < map.channels; c++) {
      mean[c] = now.mean[c];
      inverse[c] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(now.variance[c]) + settings.eps));
    }
    context->save_for_backward({x, weight, bias, saved});
    context->saved_data["activation"] = static_cast<int64_t>(settings.activation);
    context->saved_data["residual"] = residual.has_value();
    context->saved_data["pixels"] = now.pixels;
    const Affine c = affine(map, mean, inverse, weight.const_data_ptr<float>(), bias.const_data_ptr<float>());
    return normalized(map, x, c, residual.value_or(Tensor()), settings.activation);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    zoo::refuse_second_derivatives("norm_activation");
    const auto saved = context->get_saved_variables();
    const Tensor dy = upstream[0].contiguous(at::MemoryFormat::ChannelsLast);
    const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
    const double pixels = context->saved_data["pixels"].toDouble();
    Gradients g =
        gradients(saved[0], dy, saved[1], saved[2], saved[3], activation, context->needs_input_grad(0), pixels);
    const bool residual = context->saved_data["residual"].toBool();
    return {g.x, g.weight, g.bias, residual ? upstream[0] : Tensor(), Tensor(), Tensor()};
  }
};

bool is_vector(const Tensor& t, int64_t length) {
  return t.defined() && t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() &&
         t.numel() == length;
}

bool is_map(const Tensor& t) {
  return t.dim() == 4 && t.device().is_cpu() && t.scalar_type() == at::kFloat &&
         t.is_contiguous(at::MemoryFormat::ChannelsLast) && t.numel() > 0;
}

struct Arguments {
  Tensor x, weight, bias, running_mean, running_var, residual;
  bool training;
  Settings settings;

  bool has_running() const { return running_mean.defined() && running_var.defined(); }

  bool fits_kernels() const {
    if (!is_map(x)) return false;
    const int64_t channels = x.size(1);
    if (residual.defined() && !(is_map(residual) && residual.sizes() == x.sizes())) return false;
    if (has_running() && !(is_vector(running_mean, channels) && is_vector(running_var, channels))) return false;
    return is_vector(weight, channels) && is_vector(bias, channels);
  }

  bool records() const {
    if (!at::GradMode::is_enabled()) return false;
    const auto wanted = [](const Tensor& t) { return t.defined() && t.requires_grad(); };
    return wanted(x) || wanted(weight) || wanted(bias) || wanted(residual);
  }
};

Tensor activated(const Tensor& z, Activation activation) {
  switch (activation) {
    case zoo::kRelu: return at::relu(z);
    case zoo::kRelu6: return at::hardtanh(z, 0, 6);
    case zoo::kSilu: return at::silu(z);
    case zoo::kHardSwish: return at::hardswish(z);
    case zoo::kNone: return z;
  }
  TORCH_CHECK(false, "norm_activation: activation ", static_cast<int>(activation), " is not known");
}

// The norm whose statistics ranks share, by libtorch's operations: on other devices, and for other types and layouts.
struct SharedNorm : torch::autograd::Function<SharedNorm> {
  static std::vector<int64_t> all_but_channels(const Tensor& x) {
    std::vector<int64_t> dimensions{0};
    for (int64_t d = 2; d < x.dim(); d++) dimensions.push_back(d);
    return dimensions;
  }

  static std::vector<double> numbers(const Tensor& vector) {
    const Tensor host = vector.to(at::kCPU, at::kDouble).contiguous();
    return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
  }

  // A value a channel, to be broadcast over a map like `x`.
  template <typename Number>
  static Tensor along(std::vector<Number> values, const Tensor& x, at::ScalarType type) {
    std::vector<int64_t> shape(x.dim(), 1);
    shape[1] = static_cast<int64_t>(values.size());
    return at::from_blob(values.data(), shape, c10::CppTypeToScalarType<Number>::value).to(x.device(), type, false, true);
  }

  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, const Running& running, const Settings& settings) {
    const at::ScalarType type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const Tensor wide = x.to(type);
    const auto [variance, mean] = at::var_mean(wide, all_but_channels(x), /*unbiased=*/false);
    const Statistics now = shared(numbers(mean), numbers(variance), static_cast<double>(x.numel()) / x.size(1));
    if (running.mean.defined()) {
      const Tensor means = running.mean.to(at::kCPU, at::kFloat).contiguous();
      const Tensor variances = running.var.to(at::kCPU, at::kFloat).contiguous();
      update_running(now, settings.momentum, means, variances);
      at::NoGradGuard no_grad;
      running.mean.copy_(means);
      running.var.copy_(variances);
    }
    std::vector<double> inverse(now.variance.begin(), now.variance.end());
    for (double& value : inverse) value = 1.0 / std::sqrt(value + settings.eps);
    const Tensor inverses = along(inverse, x, type);
    const Tensor normal = (wide - along(now.mean, x, type)) * inverses;
    context->save_for_backward({normal, inverses, weight});
    context->saved_data["pixels"] = now.pixels;
    return (normal * weight.view(inverses.sizes()) + bias.view(inverses.sizes())).to(x.scalar_type());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    zoo::refuse_second_derivatives("norm_activation");
    const auto saved = context->get_saved_variables();
    const Tensor &normal = saved[0], &inverses = saved[1], &weight = saved[2];
    const Tensor dy = upstream[0].to(normal.scalar_type());
    const auto dimensions = all_but_channels(normal);
    const Tensor bias = dy.sum(dimensions), product = (dy * normal).sum(dimensions);
    std::vector<double> sums = numbers(bias);
    const std::vector<double> second = numbers(product);
    sums.insert(sums.end(), second.begin(), second.end());
    zoo::sum_over_ranks(sums.data(), sums.size());
    for (double& value : sums) value /= context->saved_data["pixels"].toDouble();
    const auto half = sums.begin() + static_cast<int64_t>(second.size());
    const Tensor offset = along(std::vector<double>(sums.begin(), half), normal, normal.scalar_type());
    const Tensor slope = along(std::vector<double>(half, sums.end()), normal, normal.scalar_type());
    const Tensor dx = (dy - offset - normal * slope) * inverses * weight.view(inverses.sizes());
    return {dx.to(upstream[0].scalar_type()), product.to(weight.scalar_type()), bias.to(weight.scalar_type()),
            Tensor(), Tensor()};
  }
};

Tensor fallback(const Arguments& a) {
  const bool is_shared = a.training && zoo::norms_are_synchronized();
  const Tensor z = is_shared
      ? SharedNorm::apply(a.x, a.weight, a.bias, Running{a.running_mean, a.running_var}, a.settings)
      : at::batch_norm(a.x, a.weight, a.bias, a.running_mean, a.running_var, a.training, a.settings.momentum,
                       a.settings.eps, /*cudnn_enabled=*/true);
  const Tensor y = activated(z, a.settings.activation);
  return a.residual.defined() ? at::add(y, a.residual) : y;
}

// With fixed statistics it is one pass, but only where nothing is to be differentiated.
Tensor evaluate(const Arguments& a) {
  const Map map(a.x);
  const float* var = a.running_var.const_data_ptr<float>();
  std::vector<float> inverse(map.channels);
  for (int64_t c = 0; c < map.channels; c++)
    inverse[c] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(var[c]) + a.settings.eps));
  const Affine c = affine(map, a.running_mean.const_data_ptr<float>(), inverse.data(), a.weight.const_data_ptr<float>(),
                          a.bias.const_data_ptr<float>());
  return normalized(map, a.x, c, a.residual, a.settings.activation);
}

Tensor norm_activation(const Arguments& a) {
  TORCH_CHECK(a.x.defined() && a.x.dim() >= 2, "norm_activation: the input needs a channel dimension");
  TORCH_CHECK(a.running_mean.defined() == a.running_var.defined(),
              "norm_activation: running mean and variance come together or not at all");
  TORCH_CHECK(a.training || a.has_running(), "norm_activation: evaluation needs running statistics");
  if (!a.fits_kernels()) return fallback(a);
  if (!a.training) return a.records() ? fallback(a) : evaluate(a);
  const auto residual = a.residual.defined() ? std::optional<Tensor>(a.residual) : std::nullopt;
  return NormActivation::apply(a.x, a.weight, a.bias, residual, Running{a.running_mean, a.running_var}, a.settings);
}

}  // namespace

extern "C" char* zoo_norm_activation(const Tensor* x, const Tensor* weight, const Tensor* bias,
                                     const Tensor* running_mean, const Tensor* running_var, const Tensor* residual,
                                     bool training, double momentum, double eps, int activation, Tensor** out) {
  return zoo::guarded([&] {
    using zoo::optional;
    RECORD_FUNCTION("zoo::norm_activation", {});
    const Arguments arguments{*x, optional(weight), optional(bias), optional(running_mean), optional(running_var),
                              optional(residual), training, {momentum, eps, static_cast<Activation>(activation)}};
    *out = new Tensor(norm_activation(arguments));
  });
}
