// Depthwise convolution as an autograd node over channels_last f32 maps, with padding that need not be symmetric.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "convolution.h"
#include "derivatives.h"
#include "error.h"
#include "geometry.h"
#include "kernels/kernels.h"
#include "tensors.h"

namespace {

using at::Tensor;
using zoo::by_tap;
using zoo::Geometry;
using zoo::kMaxKernel;
using zoo::Padding;
using zoo::parallel_rows;
using zoo::row_taps;
using zoo::Tap;

Tensor output(const Geometry& g, const Tensor& x, const Tensor& weight) {
  Tensor y = at::empty({g.batch, g.channels, g.out_height, g.out_width},
                       x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const auto packed = by_tap(g.taps(), g.channels, weight);
  const float* in = x.const_data_ptr<float>();
  float* out = y.mutable_data_ptr<float>();
  parallel_rows(g, g.batch, g.out_height, [&](int64_t n, int64_t row) {
    Tap taps[kMaxKernel * kMaxKernel];
    int64_t count = 0;
    for (int64_t k = 0; k < g.kernel; k++) count += row_taps(g, in, packed.get(), n, row, k, taps + count);
    zoo::kernels().correlate(taps, count, g.stride * g.channels, out + g.out_row(n, row), g.channels, g.out_width,
                             g.channels, {nullptr, zoo::kNone});
  });
  return y;
}

// Input pixels `phase`, phase + stride, ... of a row see the same kernel columns, and for them the gradient is a plain
// correlation with step 1: no scattering, and no multiplications with the zeros between.
int64_t phase_taps(const Geometry& g, const float* dy, const float* weight, int64_t n, int64_t in_y, int64_t phase,
                   int64_t pixels, Tap* taps) {
  int64_t count = 0;
  for (int64_t k = 0; k < g.kernel; k++) {
    const int64_t reach = in_y + g.pad.top - k;
    if (reach < 0 || reach % g.stride != 0 || reach / g.stride >= g.out_height) continue;
    const float* row = dy + g.out_row(n, reach / g.stride);
    for (int64_t j = 0; j < g.kernel; j++) {
      const int64_t distance = phase + g.pad.left - j;
      if (distance % g.stride != 0) continue;
      const int64_t shift = distance / g.stride;
      const int64_t begin = std::max<int64_t>(0, -shift), end = std::min(pixels, g.out_width - shift);
      if (begin >= end) continue;
      taps[count++] = {row + shift * g.channels, weight + (k * g.kernel + j) * g.channels, begin, end};
    }
  }
  return count;
}

Tensor input_gradient(const Geometry& g, const Tensor& x, const Tensor& dy, const Tensor& weight) {
  Tensor dx = at::empty_like(x);
  const auto packed = by_tap(g.taps(), g.channels, weight);
  const float* up = dy.const_data_ptr<float>();
  float* out = dx.mutable_data_ptr<float>();
  parallel_rows(g, g.batch, g.height, [&](int64_t n, int64_t row) {
    Tap taps[kMaxKernel * kMaxKernel];
    for (int64_t phase = 0; phase < std::min(g.stride, g.width); phase++) {
      const int64_t pixels = (g.width - phase + g.stride - 1) / g.stride;
      const int64_t count = phase_taps(g, up, packed.get(), n, row, phase, pixels, taps);
      zoo::kernels().correlate(taps, count, g.channels, out + g.in_row(n, row) + phase * g.channels,
                               g.stride * g.channels, pixels, g.channels, {nullptr, zoo::kNone});
    }
  });
  return dx;
}

// Pieces of the batch are summed apart and then in order: the cut depends on the shape only, so the result does not
// depend on the number of threads.
Tensor weight_gradient(const Geometry& g, const Tensor& x, const Tensor& dy, const Tensor& weight) {
  const float* in = x.const_data_ptr<float>();
  const float* up = dy.const_data_ptr<float>();
  const int64_t size = g.taps() * g.channels;
  const int64_t worth = g.batch * g.out_height * g.out_width / (8 * g.taps());
  const int64_t pieces = std::min(g.batch, std::clamp<int64_t>(worth, 4, 32));
  std::vector<float> partial(pieces * size, 0.0f);
  at::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      float* sums = partial.data() + p * size;
      for (int64_t n = g.batch * p / pieces; n < g.batch * (p + 1) / pieces; n++) {
        for (int64_t y = 0; y < g.out_height; y++) {
          for (int64_t k = 0; k < g.kernel; k++) {
            Tap taps[kMaxKernel];
            const int64_t count = row_taps(g, in, sums, n, y, k, taps);
            if (count == 0) continue;
            // The kernel takes neighbours. Taps without a pixel are at the ends, but for maps of a pixel or two, where a
            // stride can pass over one in the middle.
            for (int64_t from = 0, to = 1; from < count; from = to++) {
              while (to < count && taps[to].weight == taps[to - 1].weight + g.channels) to++;
              float* first = const_cast<float*>(taps[from].weight);
              zoo::kernels().accumulate(taps + from, to - from, g.stride * g.channels, up + g.out_row(n, y), first,
                                        g.out_width, g.channels);
            }
          }
        }
      }
    }
  });
  Tensor dw = at::empty(weight.sizes(), weight.options().memory_format(at::MemoryFormat::Contiguous));
  float* out = dw.mutable_data_ptr<float>();
  for (int64_t c = 0; c < g.channels; c++) {
    for (int64_t t = 0; t < g.taps(); t++) {
      float sum = 0;
      for (int64_t p = 0; p < pieces; p++) sum += partial[p * size + t * g.channels + c];
      out[c * g.taps() + t] = sum;
    }
  }
  return dw;
}

struct Depthwise : torch::autograd::Function<Depthwise> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        int64_t stride, const Padding& pad) {
    context->save_for_backward({x, weight});
    context->saved_data["geometry"] = std::vector<int64_t>{stride, pad.top, pad.left, pad.bottom, pad.right};
    return output(Geometry(x.sizes(), weight.size(2), stride, pad), x, weight);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    zoo::refuse_second_derivatives("depthwise_conv2d");
    const auto saved = context->get_saved_variables();
    const auto v = context->saved_data["geometry"].toIntVector();
    const Geometry g(saved[0].sizes(), saved[1].size(2), v[0], Padding{v[1], v[2], v[3], v[4]});
    const Tensor dy = upstream[0].contiguous(at::MemoryFormat::ChannelsLast);
    return {context->needs_input_grad(0) ? input_gradient(g, saved[0], dy, saved[1]) : Tensor(),
            context->needs_input_grad(1) ? weight_gradient(g, saved[0], dy, saved[1]) : Tensor(), Tensor(), Tensor()};
  }
};

void check(const Tensor& x, const Tensor& weight, int64_t stride, Padding pad) {
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4, "depthwise_conv2d: input and weight need 4 dimensions, not ", x.dim(),
              " and ", weight.dim());
  TORCH_CHECK(weight.size(0) == x.size(1) && weight.size(1) == 1, "depthwise_conv2d: a weight of shape ",
              weight.sizes(), " does not match an input of ", x.size(1), " channels");
  TORCH_CHECK(stride >= 1, "depthwise_conv2d: stride ", stride, " is below 1");
  TORCH_CHECK(pad.top >= 0 && pad.left >= 0 && pad.bottom >= 0 && pad.right >= 0,
              "depthwise_conv2d: padding is negative");
  TORCH_CHECK(x.size(2) + pad.top + pad.bottom >= weight.size(2) && x.size(3) + pad.left + pad.right >= weight.size(3),
              "depthwise_conv2d: a kernel of ", weight.size(2), " x ", weight.size(3), " does not fit an input of ",
              x.size(2), " x ", x.size(3), " with its padding");
}

bool fits_kernels(const Tensor& x, const Tensor& weight) {
  return x.device().is_cpu() && weight.device().is_cpu() && x.scalar_type() == at::kFloat &&
         weight.scalar_type() == at::kFloat && x.is_contiguous(at::MemoryFormat::ChannelsLast) && x.numel() > 0 && weight.numel() > 0 &&
         weight.size(2) == weight.size(3) && weight.size(2) <= kMaxKernel;
}

}  // namespace

extern "C" char* zoo_depthwise_conv2d(const Tensor* x, const Tensor* weight, int64_t stride, int64_t top, int64_t left,
                                      int64_t bottom, int64_t right, Tensor** out) {
  return zoo::guarded([&] {
    RECORD_FUNCTION("zoo::depthwise_conv2d", {});
    const Padding pad{top, left, bottom, right};
    check(*x, *weight, stride, pad);
    *out = new Tensor(fits_kernels(*x, *weight) ? Depthwise::apply(*x, *weight, stride, pad)
                                                : zoo::conv2d(*x, *weight, {}, stride, pad, x->size(1)));
  });
}
