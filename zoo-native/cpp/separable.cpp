// An inverted residual in one pass: expansion, depthwise convolution and projection over a few rows at a time, so that the
// expanded map, which is the largest one, never leaves the cache.
//
// Either end may be missing. Without an expansion the rows of the input are copied, as the depthwise kernel wants its padding
// in memory; without a projection the map is written, for a squeeze-and-excitation that must see all of it.
#include <ATen/Parallel.h>

#ifdef __linux__
#include <unistd.h>
#endif

#include <cstdlib>

#include "error.h"
#include "separable.h"
#include "tensors.h"

namespace zoo {

namespace {

using at::Tensor;

// The floats of the L2 cache that rows may take: half of it, as weights and what is read and written pass through, too.
int64_t cache_floats() {
  static const int64_t floats = [] {
    int64_t bytes = 0;
#ifdef _SC_LEVEL2_CACHE_SIZE
    bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    return std::clamp<int64_t>(bytes, 256 << 10, 2 << 20) / 2 / static_cast<int64_t>(sizeof(float));
  }();
  return floats;
}

// Memory that a thread keeps between calls, at a cache line.
class Scratch {
 public:
  float* take(int64_t floats) {
    if (floats > size_) {
      data_.reset();
      size_ = 0;
      data_ = zoo::floats(floats);
      size_ = floats;
    }
    return data_.get();
  }

 private:
  Floats data_;
  int64_t size_ = 0;
};

// One run over one input.
struct Pass {
  const Separable& layers;
  // Of the expansion, where there is one, and of the depthwise convolution.
  Geometry wide, deep;
  const float* x;
  const float* residual;
  float* y;
  // Channels of a row in memory, and the pixels of one with its padding.
  int64_t step, padded_width;
  // Rows of outputs at a time, and those that are kept for them.
  int64_t strip, kept;
  // Whether the input has a plane for each channel.
  bool is_planar;

  // Output rows [begin, end) of image `n`.
  void rows(int64_t n, int64_t begin, int64_t end) const;

 private:
  void fill(int64_t n, int64_t begin, int64_t end, float* ring, int64_t* places, float* padded) const;
  void pad(int64_t n, int64_t row, float* to) const;
  void convolve(int64_t row, const float* ring, float* output) const;
};

// The slot of a row in the ring.
inline int64_t slot(const Pass& pass, int64_t row) { return row % pass.kept * pass.padded_width * pass.step; }

void Pass::rows(int64_t n, int64_t begin, int64_t end) const {
  static thread_local Scratch scratch;
  static thread_local std::vector<int64_t> places;
  const int64_t channels = deep.channels, ring_size = kept * padded_width * step;
  const int64_t fresh = strip * deep.stride + deep.kernel;
  const int64_t strip_size = layers.project ? strip * deep.out_width * channels : 0;
  const int64_t padded_rows = layers.expand && !wide.in_place() ? (fresh - 1) * wide.stride + wide.kernel : 0;
  const int64_t padded_size = padded_rows * (wide.width + wide.pad.left + wide.pad.right) * wide.channels;
  float* ring = scratch.take(ring_size + strip_size + padded_size);
  float *outputs = ring + ring_size, *padded = outputs + strip_size;
  places.resize(std::max<size_t>(places.size(), fresh * deep.width));
  for (int64_t row = 0; row < kept; row++) {
    float* from = ring + row * padded_width * step;
    std::fill_n(from, deep.pad.left * step, 0.0f);
    std::fill(from + (deep.pad.left + deep.width) * step, from + padded_width * step, 0.0f);
  }
  int64_t next = 0;
  for (int64_t first = begin; first < end; first += strip) {
    const int64_t last = std::min(first + strip, end);
    const int64_t needed = std::min(deep.height, (last - 1) * deep.stride - deep.pad.top + deep.kernel);
    // Where the stride is larger than the kernel, rows between are not needed at all.
    next = std::max(next, first * deep.stride - deep.pad.top);
    if (next < needed) fill(n, next, needed, ring, places.data(), padded);
    next = std::max(next, needed);
    for (int64_t row = first; row < last; row++)
      convolve(row, ring, layers.project ? outputs + (row - first) * deep.out_width * channels : y + deep.out_row(n, row));
    if (layers.project) {
      const Convolution& project = *layers.project;
      const int64_t at = (n * deep.out_height + first) * deep.out_width * project.outputs;
      const float* input = outputs;
      project.kernels->multiply({&input, 1, channels, channels}, (last - first) * deep.out_width, project.packed(),
                                residual == nullptr ? nullptr : residual + at,
                                {y + at, project.outputs, nullptr, false}, 0,
                                project.kernels->groups(project.outputs));
    }
  }
}

// Puts rows [begin, end) of what the depthwise convolution reads into the ring.
void Pass::fill(int64_t n, int64_t begin, int64_t end, float* ring, int64_t* places, float* padded) const {
  const int64_t width = deep.width, left = deep.pad.left * step;
  if (!layers.expand) {
    for (int64_t row = begin; row < end; row++)
      std::copy_n(x + deep.in_row(n, row), width * step, ring + slot(*this, row) + left);
    return;
  }
  const Convolution& expand = *layers.expand;
  const int64_t pixels = (end - begin) * width, first = (n * deep.height + begin) * width;
  for (int64_t row = begin, pixel = 0; row < end; row++)
    for (int64_t column = 0; column < width; column++, pixel++) places[pixel] = slot(*this, row) + left + column * step;
  const int64_t groups = expand.kernels->groups(expand.outputs);
  if (wide.in_place()) {
    const float* input = x + first * expand.inputs;
    expand.kernels->multiply({&input, 1, expand.inputs, expand.inputs}, pixels, expand.packed(), nullptr,
                             {ring, step, places, true}, 0, groups);
    return;
  }
  // The rows of its own input, padded: a wider kernel then reads one run a row, where they lie.
  const int64_t row_size = (wide.width + wide.pad.left + wide.pad.right) * wide.channels;
  const int64_t top = begin * wide.stride - wide.pad.top;
  for (int64_t row = 0; row < (end - begin - 1) * wide.stride + wide.kernel; row++)
    pad(n, top + row, padded + row * row_size);
  std::vector<const float*> runs(wide.kernel);
  for (int64_t row = begin; row < end; row++) {
    for (int64_t k = 0; k < wide.kernel; k++) runs[k] = padded + ((row - begin) * wide.stride + k) * row_size;
    expand.kernels->multiply({runs.data(), wide.kernel, wide.kernel * wide.channels, wide.stride * wide.channels}, width,
                             expand.packed(), nullptr, {ring, step, places + (row - begin) * width, true}, 0, groups);
  }
}

// A row of the input with its padding; all of it zero above and below the map.
void Pass::pad(int64_t n, int64_t row, float* to) const {
  const int64_t channels = wide.channels, left = wide.pad.left * channels, size = wide.width * channels;
  if (row < 0 || row >= wide.height) {
    std::fill_n(to, left + size + wide.pad.right * channels, 0.0f);
    return;
  }
  std::fill_n(to, left, 0.0f);
  std::fill_n(to + left + size, wide.pad.right * channels, 0.0f);
  if (!is_planar) {
    std::copy_n(x + wide.in_row(n, row), size, to + left);
    return;
  }
  const float* from = x + (n * channels * wide.height + row) * wide.width;
  const int64_t plane = wide.height * wide.width;
  if (channels == 3) {
    // Pictures: all colours of a pixel at once.
    for (int64_t column = 0; column < wide.width; column++)
      for (int64_t c = 0; c < 3; c++) to[left + column * 3 + c] = from[c * plane + column];
    return;
  }
  for (int64_t c = 0; c < channels; c++)
    for (int64_t column = 0; column < wide.width; column++) to[left + column * channels + c] = from[c * plane + column];
}

// One row of the depthwise convolution.
void Pass::convolve(int64_t row, const float* ring, float* output) const {
  const Convolution& conv = *layers.depthwise;
  const float *inputs[kMaxKernel], *weights[kMaxKernel];
  int64_t count = 0;
  for (int64_t k = 0; k < deep.kernel; k++) {
    const int64_t from = row * deep.stride - deep.pad.top + k;
    if (from < 0 || from >= deep.height) continue;
    inputs[count] = ring + slot(*this, from);
    weights[count++] = conv.weight.get() + k * deep.kernel * deep.channels;
  }
  const PaddedRows taps{inputs, weights, count, deep.kernel, deep.stride, step, deep.channels};
  conv.kernels->depthwise(taps, output, deep.channels, deep.out_width, deep.channels,
                          {conv.bias.data(), conv.activation});
}

// As many rows as the cache holds, and of those the number that leaves the fewest tiles of pixels unfilled.
int64_t strip_rows(const Geometry& deep, int64_t step, int64_t padded_width, bool projects) {
  // Products lose little where the rows are a multiple of their smaller tiles.
  constexpr int64_t tile = 4;
  const auto floats = [&](int64_t rows) {
    const int64_t kept = (rows - 1) * deep.stride + deep.kernel;
    return kept * padded_width * step + (projects ? rows * deep.out_width * deep.channels : 0);
  };
  int64_t best = 1;
  double least = 1e9;
  for (int64_t rows = 1; rows <= deep.out_height && (rows == 1 || floats(rows) <= cache_floats()); rows++) {
    const int64_t pixels = rows * deep.out_width;
    const double waste = static_cast<double>((pixels + tile - 1) / tile * tile) / static_cast<double>(pixels);
    if (waste <= least) least = waste, best = rows;
  }
  return best;
}

}  // namespace

bool Separable::takes_planes() const {
  return expand != nullptr && (expand->kernel > 1 || expand->stride > 1 || !expand->pad.none());
}

Tensor Separable::run(const Tensor& x, const Tensor& residual) const {
  const Convolution& conv = *depthwise;
  const Convolution& first = expand ? *expand : conv;
  TORCH_CHECK(x.dim() == 4, "separable: the input needs 4 dimensions, not ", x.dim());
  const Geometry wide(x.sizes(), first.kernel, first.stride, first.pad);
  const bool is_planar = !is_map(x) && takes_planes() && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
                         x.is_contiguous();
  TORCH_CHECK((is_map(x) || is_planar) && x.size(1) == first.inputs, "separable: the input of shape ", x.sizes(),
              " must be a channels_last f32 map of ", first.inputs, " channels on the CPU");
  TORCH_CHECK(wide.out_height >= 1 && wide.out_width >= 1, "separable: a kernel of ", first.kernel,
              " does not fit an input of ", x.size(2), " x ", x.size(3), " with its padding");
  const Geometry deep = expand ? Geometry({wide.batch, conv.inputs, wide.out_height, wide.out_width}, conv.kernel,
                                          conv.stride, conv.pad)
                               : wide;
  TORCH_CHECK(deep.out_height >= 1 && deep.out_width >= 1, "separable: a kernel of ", conv.kernel,
              " does not fit a map of ", deep.height, " x ", deep.width, " with its padding");
  const int64_t outputs = project ? project->outputs : conv.outputs;
  Tensor y = empty_map(deep.batch, outputs, deep.out_height, deep.out_width);
  TORCH_CHECK(!residual.defined() || (project && is_map(residual) && residual.sizes() == y.sizes()),
              "separable: a residual of shape ", residual.sizes(), " does not match the output of shape ", y.sizes());
  if (y.numel() == 0) return y;
  const int64_t step = expand ? conv.kernels->padded(conv.inputs) : conv.inputs;
  const int64_t padded_width = deep.width + deep.pad.left + deep.pad.right;
  // Images are shared among threads, and the rows of one where there are fewer images than threads.
  const int64_t threads = at::get_num_threads();
  const int64_t pieces = std::min(deep.out_height, deep.batch >= threads ? 1 : (threads + deep.batch - 1) / deep.batch);
  const int64_t strip = std::min(strip_rows(deep, step, padded_width, project != nullptr),
                                 (deep.out_height + pieces - 1) / pieces);
  const Pass pass{*this,
                  wide,
                  deep,
                  x.const_data_ptr<float>(),
                  residual.defined() ? residual.const_data_ptr<float>() : nullptr,
                  y.mutable_data_ptr<float>(),
                  step,
                  padded_width,
                  strip,
                  (strip - 1) * deep.stride + deep.kernel,
                  is_planar};
  at::parallel_for(0, deep.batch * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t piece = i % pieces;
      pass.rows(i / pieces, deep.out_height * piece / pieces, deep.out_height * (piece + 1) / pieces);
    }
  });
  return y;
}

namespace {

// Convolutions that run as one, and belong to it.
struct Joined {
  std::unique_ptr<Convolution> expand, depthwise, project;

  Separable layers() const { return {expand.get(), depthwise.get(), project.get()}; }
};

}  // namespace

}  // namespace zoo

using at::Tensor;
using zoo::Convolution;
using zoo::Joined;

// Takes the convolutions over, whatever comes of it; the first and the last may be null.
extern "C" char* zoo_separable_new(Convolution* expand, Convolution* depthwise, Convolution* project, void** out) {
  return zoo::guarded([&] {
    auto it = std::make_unique<Joined>();
    it->expand.reset(expand);
    it->depthwise.reset(depthwise);
    it->project.reset(project);
    TORCH_CHECK(depthwise != nullptr && depthwise->depthwise, "separable: the middle convolution is not a depthwise one");
    TORCH_CHECK(expand == nullptr || (!expand->depthwise && expand->outputs == depthwise->inputs),
                "separable: the expansion does not match the depthwise convolution");
    TORCH_CHECK(project == nullptr || (!project->depthwise && project->kernel == 1 && project->stride == 1 &&
                                       project->pad.none() && project->inputs == depthwise->outputs),
                "separable: the projection does not match the depthwise convolution");
    *out = it.release();
  });
}

extern "C" bool zoo_separable_takes_planes(const void* separable) {
  return static_cast<const Joined*>(separable)->layers().takes_planes();
}

extern "C" void zoo_separable_free(void* separable) { delete static_cast<Joined*>(separable); }

extern "C" char* zoo_separable_run(const void* separable, const Tensor* x, const Tensor* residual, Tensor** out) {
  return zoo::guarded(
      [&] { *out = new Tensor(static_cast<const Joined*>(separable)->layers().run(*x, zoo::optional(residual))); });
}
