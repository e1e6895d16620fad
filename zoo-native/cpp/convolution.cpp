// A packed convolution, run with bias, activation, gate and residual in the same pass; inference packs it once, training
// (dense.cpp) at every step.
//
// f32 maps in channels_last order on the CPU, dense or depthwise. A dense one is a product of pixels and a packed matrix;
// patches of a kernel over 1 x 1 are gathered a block at a time.
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>

#include "convolution.h"

#include "error.h"
#include "separable.h"
#include "tensors.h"

namespace zoo {

using at::Tensor;

namespace {

// Input and output rows of a block of pixels, in floats: half of a usual L2 cache of 512 KiB.
constexpr int64_t kBlock = 64 * 1024;
// The rows of all tiles divide it.
constexpr int64_t kRowStep = 24;

// Rows in a block, so that what is read and written stays in the L2 cache and every thread has as many blocks.
int64_t block_rows(int64_t rows, int64_t width) {
  const int64_t fit = std::max(kRowStep, kBlock / width / kRowStep * kRowStep);
  const int64_t share = (rows + at::get_num_threads() - 1) / at::get_num_threads();
  const int64_t blocks = (share + fit - 1) / fit;
  return (share + blocks * kRowStep - 1) / (blocks * kRowStep) * kRowStep;
}

void run_dense(const Convolution& conv, const Geometry& g, const float* x, const float* gate, const float* residual,
               float* y) {
  const int64_t depth = conv.depth(), image = g.out_height * g.out_width, rows = g.batch * image;
  const Packed matrix = conv.packed();
  const int64_t groups = conv.kernels->groups(conv.outputs);
  // A gate belongs to an image, so blocks of gated pixels end with it.
  const int64_t span = gate == nullptr ? rows : image;
  const int64_t block = block_rows(span, depth + conv.outputs);
  const int64_t blocks = (span + block - 1) / block, spans = rows / span;
  // With few rows the columns are shared out, too.
  const int64_t slices = std::min(groups, std::max<int64_t>(1, at::get_num_threads() / (blocks * spans)));
  at::parallel_for(0, spans * blocks * slices, 1, [&](int64_t begin, int64_t end) {
    static thread_local std::vector<float> scratch;
    for (int64_t i = begin; i < end; i++) {
      const int64_t slice = i % slices, s = i / slices / blocks;
      const int64_t first = s * span + i / slices % blocks * block, last = std::min(first + block, (s + 1) * span);
      const float* input = x + first * depth;
      if (!g.in_place() || gate != nullptr) scratch.resize(std::max<size_t>(scratch.size(), block * depth));
      if (!g.in_place()) {
        gather(g, x, first, last, scratch.data());
        input = scratch.data();
      }
      if (gate != nullptr) {
        conv.kernels->scale(input, last - first, depth, gate + s * depth, scratch.data());
        input = scratch.data();
      }
      const int64_t at = first * conv.outputs;
      conv.kernels->multiply({&input, 1, depth, depth}, last - first, matrix, residual == nullptr ? nullptr : residual + at,
                             {y + at, conv.outputs, nullptr, false}, groups * slice / slices,
                             groups * (slice + 1) / slices);
    }
  });
}

void check(const Convolution& conv, const Tensor& x, const Tensor& gate, const Tensor& residual, const Geometry& g) {
  TORCH_CHECK(is_map(x) && x.size(1) == conv.inputs, "convolution: the input of shape ", x.sizes(),
              " must be a channels_last f32 map of ", conv.inputs, " channels on the CPU");
  TORCH_CHECK(g.out_height >= 1 && g.out_width >= 1, "convolution: a kernel of ", conv.kernel,
              " does not fit an input of ", x.size(2), " x ", x.size(3), " with its padding");
  TORCH_CHECK(!gate.defined() || (is_map(gate) && !conv.depthwise && conv.kernel == 1 &&
                                  gate.numel() == x.size(0) * x.size(1)),
              "convolution: a gate of shape ", gate.sizes(), " does not match an input of shape ", x.sizes());
  TORCH_CHECK(!residual.defined() ||
                  (is_map(residual) && !conv.depthwise &&
                   residual.sizes() == at::IntArrayRef({g.batch, conv.outputs, g.out_height, g.out_width})),
              "convolution: a residual of shape ", residual.sizes(), " does not match the output");
}

}  // namespace

Convolution::Convolution(const Tensor& w, const Tensor& b, int64_t stride, Padding pad, bool depthwise,
                         Activation activation)
    : kernels(&zoo::kernels()), activation(activation), inputs(depthwise ? w.size(0) : w.size(1)), outputs(w.size(0)),
      kernel(w.size(2)), stride(stride), pad(pad), depthwise(depthwise) {
  if (depthwise) {
    weight = by_tap(kernel * kernel, outputs, w);
  } else {
    const Tensor rows = w.permute({0, 2, 3, 1}).contiguous();  // the order in which patches are gathered
    pack({rows.const_data_ptr<float>(), depth(), outputs, 1, depth()});
  }
  bias.assign(kernels->padded(outputs), 0.0f);
  if (b.defined()) std::copy_n(b.contiguous().const_data_ptr<float>(), outputs, bias.begin());
}

Convolution Convolution::transposed(const Tensor& w) {
  Convolution conv(w.size(0), w.size(1));
  const Tensor rows = w.contiguous();
  conv.pack({rows.const_data_ptr<float>(), conv.inputs, conv.outputs, conv.outputs, 1});
  conv.bias.assign(conv.kernels->padded(conv.outputs), 0.0f);
  return conv;
}

// A few thousand numbers are worth a thread.
void Convolution::pack(Matrix matrix) {
  const int64_t size = kernels->padded(outputs) * matrix.depth;
  weight = floats(size);
  const int64_t groups = kernels->groups(outputs), grain = 1 + 16384 * groups / size;
  at::parallel_for(0, groups, grain,
                   [&](int64_t begin, int64_t end) { kernels->pack(matrix, weight.get(), begin, end); });
}

void gather(const Geometry& g, const float* x, int64_t begin, int64_t end, float* rows) {
  const int64_t run = g.kernel * g.channels;
  for (int64_t pixel = begin; pixel < end; pixel++) {
    const int64_t n = pixel / (g.out_height * g.out_width), row = pixel / g.out_width % g.out_height;
    const int64_t left = pixel % g.out_width * g.stride - g.pad.left;
    const int64_t from = std::max<int64_t>(0, -left), to = std::min(g.kernel, g.width - left);
    for (int64_t k = 0; k < g.kernel; k++, rows += run) {
      const int64_t y = row * g.stride + k - g.pad.top;
      if (y < 0 || y >= g.height || from >= to) {
        std::fill_n(rows, run, 0.0f);
        continue;
      }
      std::fill_n(rows, from * g.channels, 0.0f);
      std::copy_n(x + g.in_row(n, y) + (left + from) * g.channels, (to - from) * g.channels,
                  rows + from * g.channels);
      std::fill(rows + to * g.channels, rows + run, 0.0f);
    }
  }
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t stride, const Padding& pad,
              int64_t groups) {
  if (pad.symmetric()) return at::conv2d(x, weight, bias, {stride, stride}, at::IntArrayRef{pad.top, pad.left}, {1, 1}, groups);
  const Tensor padded = at::constant_pad_nd(x, {pad.left, pad.right, pad.top, pad.bottom});
  return at::conv2d(padded, weight, bias, {stride, stride}, at::IntArrayRef{0, 0}, {1, 1}, groups);
}

Tensor empty_map(int64_t n, int64_t c, int64_t h, int64_t w) {
  return at::empty({n, c, h, w}, at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
}

bool is_map(const Tensor& x) {
  return x.dim() == 4 && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
         x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

Tensor Convolution::run(const Tensor& x, const Tensor& gate, const Tensor& residual) const {
  TORCH_CHECK(x.dim() == 4, "convolution: the input needs 4 dimensions, not ", x.dim());
  const Geometry g(x.sizes(), kernel, stride, pad);
  check(*this, x, gate, residual, g);
  if (depthwise) return Separable{nullptr, this, nullptr}.run(x, {});
  Tensor y = empty_map(g.batch, outputs, g.out_height, g.out_width);
  if (y.numel() == 0) return y;  // a batch without images
  const auto data = [](const Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; };
  run_dense(*this, g, data(x), data(gate), data(residual), y.mutable_data_ptr<float>());
  return y;
}

}  // namespace zoo

using at::Tensor;
using zoo::Convolution;
using zoo::Padding;

extern "C" char* zoo_convolution_new(const Tensor* weight, const Tensor* bias, int64_t stride, int64_t top,
                                     int64_t left, int64_t bottom, int64_t right, bool depthwise, int activation,
                                     Convolution** out) {
  return zoo::guarded([&] {
    const Tensor& w = *weight;
    TORCH_CHECK(w.dim() == 4 && w.device().is_cpu() && w.scalar_type() == at::kFloat && w.size(2) == w.size(3),
                "convolution: the weight of shape ", w.sizes(), " must be f32, on the CPU and of square kernels");
    TORCH_CHECK(!depthwise || (w.size(1) == 1 && w.size(2) <= zoo::kMaxKernel),
                "convolution: a weight of shape ", w.sizes(), " is not a depthwise one");
    TORCH_CHECK(stride >= 1 && top >= 0 && left >= 0 && bottom >= 0 && right >= 0,
                "convolution: stride ", stride, " is below 1, or the padding is negative");
    TORCH_CHECK(w.numel() > 0, "convolution: a weight of shape ", w.sizes(), " is empty");
    const Tensor b = zoo::optional(bias);
    TORCH_CHECK(!b.defined() || (b.dim() == 1 && b.numel() == w.size(0) && b.device().is_cpu() &&
                                 b.scalar_type() == at::kFloat),
                "convolution: a bias of shape ", b.sizes(), " is not one f32 value on the CPU for each of ", w.size(0),
                " outputs");
    *out = new Convolution(w.detach(), b, stride, Padding{top, left, bottom, right}, depthwise,
                           static_cast<zoo::Activation>(activation));
  });
}

extern "C" void zoo_convolution_free(Convolution* convolution) { delete convolution; }

extern "C" char* zoo_convolution_run(const Convolution* convolution, const Tensor* x, const Tensor* gate,
                                     const Tensor* residual, Tensor** out) {
  return zoo::guarded(
      [&] { *out = new Tensor(convolution->run(*x, zoo::optional(gate), zoo::optional(residual))); });
}

// The mean of every channel of a channels_last map, as N x C x 1 x 1.
extern "C" char* zoo_global_mean(const Tensor* x, Tensor** out) {
  return zoo::guarded([&] {
    TORCH_CHECK(zoo::is_map(*x), "global_mean: the input of shape ", x->sizes(), " must be a channels_last f32 map on the CPU");
    TORCH_CHECK(x->size(2) > 0 && x->size(3) > 0, "global_mean: an input of shape ", x->sizes(), " has no pixels");
    const int64_t batch = x->size(0), channels = x->size(1), pixels = x->size(2) * x->size(3);
    Tensor y = zoo::empty_map(batch, channels, 1, 1);
    const float* in = x->const_data_ptr<float>();
    float* means = y.mutable_data_ptr<float>();
    // The channels of one image are shared among threads, too: whole cache lines of them, some thousand numbers at least.
    const int64_t some = std::max<int64_t>(64, 16384 / pixels / 64 * 64), parts = (channels + some - 1) / some;
    at::parallel_for(0, batch * parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / parts, first = i % parts * some, count = std::min(some, channels - first);
        zoo::kernels().mean(in + n * pixels * channels + first, pixels, channels, count, means + n * channels + first);
      }
    });
    *out = new Tensor(std::move(y));
  });
}
