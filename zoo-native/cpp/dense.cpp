// Dense convolution as an autograd node over channels_last f32 maps: 1 x 1 kernels of stride 1, and any kernel whose
// input needs no gradient, such as a stem's.
//
// Pixels times a matrix in all three directions. libtorch's convolution orders the weights anew for each direction and
// call, and its weight gradient is slow where maps are small.
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <memory>
#include <optional>

#include "convolution.h"
#include "derivatives.h"
#include "error.h"
#include "tensors.h"

namespace {

using at::Tensor;
using zoo::Convolution;
using zoo::Geometry;
using zoo::kPanelRows;
using zoo::Padding;

// Pixels are summed in pieces and these in order; the cut depends on the shape only, so the result does not depend on
// the number of threads.
int64_t pieces_of(int64_t rows, int64_t size) {
  constexpr int64_t worth = 2048, most = 16, floats = 1 << 22;
  return std::clamp<int64_t>(std::min(rows / worth, floats / size), 1, most);
}

struct WeightGradient {
  const zoo::Kernels& kernels = zoo::kernels();
  Geometry g;
  int64_t inputs, outputs, rows;

  WeightGradient(const Tensor& x, const Tensor& weight, int64_t stride, const Padding& pad)
      : g(x.sizes(), weight.size(2), stride, pad), inputs(weight.size(1) * g.taps()), outputs(weight.size(0)),
        rows(g.batch * g.out_height * g.out_width) {}

  // What rows [begin, end) give for groups [first, last) of inputs.
  void sum(const float* x, const float* dy, int64_t begin, int64_t end, float* sums, int64_t first,
           int64_t last) const {
    static thread_local std::vector<float> patches;
    for (int64_t row = begin; row < end; row += kPanelRows) {
      const int64_t count = std::min(kPanelRows, end - row);
      const float* input = x + row * inputs;
      if (!g.in_place()) {
        patches.resize(std::max<size_t>(patches.size(), kPanelRows * inputs));
        zoo::gather(g, x, row, row + count, patches.data());
        input = patches.data();
      }
      kernels.outer({input, inputs, inputs}, {dy + row * outputs, outputs, outputs}, count, row == begin, sums, first,
                    last);
    }
  }

  // The sums of each piece, one after the other.
  void sum_pieces(const float* x, const float* dy, int64_t pieces, float* sums) const {
    const int64_t size = outputs * kernels.padded(inputs);
    const int64_t groups = kernels.groups(inputs), threads = at::get_num_threads();
    // Slices of columns are independent sums, so their number may depend on that of threads.
    const int64_t slices = std::min(groups, (2 * threads + pieces - 1) / pieces);
    at::parallel_for(0, pieces * slices, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t p = i / slices, slice = i % slices;
        sum(x, dy, rows * p / pieces, rows * (p + 1) / pieces, sums + p * size, groups * slice / slices,
            groups * (slice + 1) / slices);
      }
    });
  }

  // Patches are gathered tap by tap, so the sums are those of a weight in channels_last order.
  Tensor of(const Tensor& x, const Tensor& dy, const Tensor& weight) const {
    Tensor dw = at::empty(weight.sizes(), weight.options().memory_format(at::MemoryFormat::ChannelsLast));
    const float *in = x.const_data_ptr<float>(), *up = dy.const_data_ptr<float>();
    float* out = dw.mutable_data_ptr<float>();
    const int64_t step = kernels.padded(inputs), size = outputs * step, pieces = pieces_of(rows, size);
    if (pieces == 1 && step == inputs) {
      sum_pieces(in, up, pieces, out);
      return dw;
    }
    const auto partial = std::make_unique_for_overwrite<float[]>(pieces * size);
    sum_pieces(in, up, pieces, partial.get());
    for (int64_t o = 0; o < outputs; o++) {
      float* row = out + o * inputs;
      std::copy_n(partial.get() + o * step, inputs, row);
      for (int64_t p = 1; p < pieces; p++) {
        const float* more = partial.get() + p * size + o * step;
        for (int64_t i = 0; i < inputs; i++) row[i] += more[i];
      }
    }
    return dw;
  }
};

struct Dense : torch::autograd::Function<Dense> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const std::optional<Tensor>& bias, int64_t stride, const Padding& pad) {
    context->saved_data["bias"] = bias.has_value();
    context->save_for_backward({x, weight});
    context->saved_data["geometry"] = std::vector<int64_t>{stride, pad.top, pad.left, pad.bottom, pad.right};
    return Convolution(weight, bias.value_or(Tensor()), stride, pad, false, zoo::kNone).run(x, {}, {});
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    zoo::refuse_second_derivatives("dense_conv2d");
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const auto v = context->saved_data["geometry"].toIntVector();
    const Tensor dy = upstream[0].contiguous(at::MemoryFormat::ChannelsLast);
    Tensor dx, dw, db;
    if (context->needs_input_grad(0)) dx = Convolution::transposed(weight).run(dy, {}, {});
    if (context->needs_input_grad(1))
      dw = WeightGradient(x, weight, v[0], Padding{v[1], v[2], v[3], v[4]}).of(x, dy, weight);
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) db = dy.sum(at::IntArrayRef{0, 2, 3});
    return {dx, dw, db, Tensor(), Tensor()};
  }
};

bool fits_kernels(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t stride, const Padding& pad) {
  if (bias.defined() && (bias.scalar_type() != at::kFloat || bias.numel() != weight.size(0))) return false;
  if (!zoo::is_map(x) || x.numel() == 0 || weight.numel() == 0 || weight.dim() != 4 || !weight.device().is_cpu() ||
      weight.scalar_type() != at::kFloat || weight.size(1) != x.size(1) || weight.size(2) != weight.size(3))
    return false;
  if (stride < 1 || std::min({pad.top, pad.left, pad.bottom, pad.right}) < 0) return false;  // for libtorch to refuse
  if (at::autocast::is_autocast_enabled(at::kCPU)) return false;
  return Geometry(x.sizes(), weight.size(2), stride, pad).in_place() || !x.requires_grad();
}

}  // namespace

extern "C" char* zoo_dense_conv2d(const Tensor* x, const Tensor* weight, const Tensor* bias, int64_t stride,
                                  int64_t top, int64_t left, int64_t bottom, int64_t right, Tensor** out) {
  return zoo::guarded([&] {
    RECORD_FUNCTION("zoo::dense_conv2d", {});
    const Padding pad{top, left, bottom, right};
    const Tensor b = zoo::optional(bias);
    // An undefined tensor would be taken for one that needs a gradient.
    const std::optional<Tensor> given = b.defined() ? std::optional<Tensor>(b) : std::nullopt;
    *out = new Tensor(fits_kernels(*x, *weight, b, stride, pad) ? Dense::apply(*x, *weight, given, stride, pad)
                                                                : zoo::conv2d(*x, *weight, b, stride, pad, 1));
  });
}
