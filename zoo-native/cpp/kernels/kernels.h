// The arithmetic kernels, one table of functions for each instruction level; dispatch.cpp picks the table.
//
// Compiled once a level, so nothing of libtorch or the standard library is included here (see build.rs).
#pragma once

#include <stdint.h>

namespace zoo {

enum Activation : int { kNone = 0, kRelu = 1, kRelu6 = 2, kSilu = 3, kHardSwish = 4, kSigmoid = 5, kHardSigmoid = 6 };

// A channels_last map is a matrix of pixels x channels. These kernels see it as rows of `period` floats, where period is
// a multiple of the channel count and of 16: with 24 channels two pixels make a row of 48, so no vector is ever ragged.
// Coefficient arrays have `period` entries. `count` need not be a multiple of the period: the last row may be short.
struct Coefficients {
  const float* mean;
  const float* scale;  // weight / deviation
  const float* bias;
};

// out = input pixel * weight summed over taps, for a run of pixels. Tap t is valid for pixels [begin, end).
struct Tap {
  const float* input;  // what pixel 0 reads; may point outside the map where begin > 0
  const float* weight;
  int64_t begin;
  int64_t end;
};

// The rows that a row of depthwise outputs reads, each with the weights of its taps. Every row is padded: all taps of all
// pixels lie inside.
struct PaddedRows {
  const float* const* inputs;   // what the first tap of pixel 0 reads
  const float* const* weights;  // of the taps of each row
  int64_t count;
  int64_t kernel, stride;
  int64_t step;         // from an input pixel to the next
  int64_t weight_step;  // from the weights of a tap to those of the next
};

// What becomes of a sum on its way to memory: activation(sum + bias).
struct Epilogue {
  const float* bias;  // may be null
  Activation activation;
};

// A matrix of `depth` x `columns` in any order: its element (k, column) is data[k * depth_step + column * column_step].
struct Matrix {
  const float* data;
  int64_t depth, columns;
  int64_t depth_step, column_step;
};

// Rows of `width` floats, `step` floats from one to the next.
struct Rows {
  const float* data;
  int64_t width;
  int64_t step;
};

// The rows that are multiplied: each is so many runs of numbers, one behind the other. A 1 x 1 convolution has one run, a
// wider kernel one for each of its own rows, which lie apart in a padded map.
struct Source {
  const float* const* runs;
  int64_t count, length;
  int64_t step;  // from a row to the next
};

// Where the rows of a product go.
struct Target {
  float* data;
  int64_t step;
  // Where each row begins; null where they lie `step` floats apart.
  const int64_t* places;
  // Whether a row has room for whole vectors, so that columns beyond the last may be written.
  bool is_padded;
};

// So many rows of three vectors stay in the L1 cache beside what they are multiplied with.
constexpr int64_t kPanelRows = 128;

// A matrix of `depth` x `columns`, packed for the level that multiplies with it.
struct Packed {
  const float* weight;
  int64_t depth;
  int64_t columns;
  Epilogue epilogue;  // its bias is padded to whole vectors
};

struct Kernels {
  // sum[i] += x - pivot, square[i] += (x - pivot)^2
  void (*moments)(const float* x, int64_t count, int64_t period, const float* pivot, float* sum, float* square);
  // y = activation((x - mean) * scale + bias) + residual; residual may be null
  void (*normalize)(const float* x, const float* residual, float* y, int64_t count, int64_t period, Coefficients c,
                    Activation activation);
  // With g = dy * activation'(...): sum[i] += g, product[i] += g * (x - mean)
  void (*reduce)(const float* x, const float* dy, int64_t count, int64_t period, Coefficients c, Activation activation,
                 float* sum, float* product);
  // dx = scale * (g - offset - (x - mean) * slope)
  void (*gradient)(const float* x, const float* dy, float* dx, int64_t count, int64_t period, Coefficients c,
                   Activation activation, const float* offset, const float* slope);
  // One run of depthwise output pixels; steps are in floats from a pixel to the next.
  void (*correlate)(const Tap* taps, int64_t tap_count, int64_t input_step, float* output, int64_t output_step,
                    int64_t pixels, int64_t channels, Epilogue epilogue);
  // d weight of taps that share a row: weight[t][c] += sum of gradient * input over the pixels valid for tap t.
  // Tap::weight is unused; `weight` is taps x channels.
  void (*accumulate)(const Tap* taps, int64_t tap_count, int64_t input_step, const float* gradient, float* weight,
                     int64_t pixels, int64_t channels);
  // Columns rounded up to whole vectors, as they are packed.
  int64_t (*padded)(int64_t columns);
  // Columns are worked on in groups; this is how many there are.
  int64_t (*groups)(int64_t columns);
  // Packs groups [first, last); `packed` has room for padded(columns) * depth.
  void (*pack)(Matrix matrix, float* packed, int64_t first, int64_t last);
  // output = activation(input * matrix + bias) + residual, for groups [first, last). Rows of the residual lie `columns` floats
  // apart. It may be null; it is not the output.
  void (*multiply)(Source input, int64_t rows, Packed matrix, const float* residual, Target output, int64_t first,
                   int64_t last);
  // One row of depthwise output pixels, `output_step` floats apart.
  void (*depthwise)(PaddedRows rows, float* output, int64_t output_step, int64_t pixels, int64_t channels,
                    Epilogue epilogue);
  // sums[o][i] += gradient[p][o] * input[p][i] over rows p, for the groups [first, last) of inputs; a fresh sum begins at
  // zero whatever is there. Rows of sums lie padded(inputs) floats apart; `rows` is at most kPanelRows.
  void (*outer)(Rows input, Rows gradient, int64_t rows, bool fresh, float* sums, int64_t first, int64_t last);
  // Mean of so many channels over the pixels of one image, which lie `step` floats apart.
  void (*mean)(const float* x, int64_t pixels, int64_t step, int64_t channels, float* out);
  // y = x * gate, one row of gates for all rows of x.
  void (*scale)(const float* x, int64_t rows, int64_t channels, const float* gate, float* y);
  // So many rounds of multiply-adds on registers alone; the result is how many they were. `seed` is a number below 1.
  int64_t (*multiply_adds)(int64_t rounds, float seed);
};

namespace baseline {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}

// The table for this machine, or the lower one asked for with zoo_set_simd_level.
const Kernels& kernels();

}  // namespace zoo
