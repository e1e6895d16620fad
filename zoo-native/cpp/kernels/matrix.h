// Pixels times a packed matrix, and the sum over pixels of their outer products: 1 x 1 convolutions, linear layers, and
// others once their patches are gathered, forwards and backwards.
//
// A tile of rows x vectors of sums stays in registers over the whole depth; the matrix is packed so that its columns are
// read in order. Weight and pixel loads are then under the rate of the multiplications, which is what bounds the tile.
#pragma once

#include "activation.h"
#include "kernels.h"
#include "vector.h"

namespace zoo {
namespace ZOO_LEVEL {
namespace {

constexpr int64_t kLanes = Wide::lanes;

// Twelve sums of 16 registers, 24 of the 32 that AVX-512 has; the others hold weights and a pixel.
template <int vectors>
constexpr int tile_rows() {
  return (ZOO_VECTOR_BYTES > 32 ? 24 : 12) / vectors;
}

// Columns are cut into groups of two vectors, the first of three where their number is odd, or a single vector.
struct Groups {
  int64_t vectors;

  explicit Groups(int64_t columns) : vectors((columns + kLanes - 1) / kLanes) {}
  int64_t count() const { return vectors == 1 ? 1 : vectors / 2; }
  int64_t begin(int64_t group) const { return group == 0 ? 0 : 2 * group + vectors % 2; }
  int64_t width(int64_t group) const { return vectors == 1 ? 1 : group == 0 && vectors % 2 == 1 ? 3 : 2; }
};

int64_t padded(int64_t columns) { return Groups(columns).vectors * kLanes; }

int64_t groups(int64_t columns) { return Groups(columns).count(); }

void pack(Matrix m, float* packed, int64_t first, int64_t last) {
  const Groups g(m.columns);
  for (int64_t group = first; group < last; group++) {
    const int64_t begin = g.begin(group) * kLanes, width = g.width(group) * kLanes;
    const int64_t inside = m.columns - begin < width ? m.columns - begin : width;
    const float* row = m.data + begin * m.column_step;
    float* out = packed + begin * m.depth;
    for (int64_t k = 0; k < m.depth; k++, row += m.depth_step, out += width) {
      for (int64_t j = 0; j < inside; j++) out[j] = row[j * m.column_step];
      for (int64_t j = inside; j < width; j++) out[j] = 0.0f;
    }
  }
}

struct Operands {
  Source input;
  // The row of the input that belongs to row 0 of all else.
  int64_t first_row;
  const float* weight;
  const float* bias;
  Activation activation;
  const float* residual;
  int64_t residual_step;
  float* output;
  int64_t output_step;
  const int64_t* places;

  float* row_of_output(int64_t row) const { return output + (places == nullptr ? row * output_step : places[row]); }
};

// A tile of whole vectors, and behind them half of one where the matrix ends there: units of 256 bits take half of the time
// for it, and nothing is computed that must not be written.
template <int rows, int whole, bool half>
inline void multiply_tile(const Operands& o, int64_t row) {
  typedef Wide::Float Float;
  typedef Half::Float Rest;
  Float sums[rows][whole > 0 ? whole : 1];
  Rest rests[half ? rows : 1];
#pragma GCC unroll 24
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < whole; v++) sums[r][v] = Wide::load(o.bias + v * kLanes);
    if constexpr (half) rests[r] = Half::load(o.bias + whole * kLanes);
  }
  const float* weight = o.weight;
  const int64_t step = o.input.step;
  for (int64_t run = 0; run < o.input.count; run++) {
    const float* input = o.input.runs[run] + (o.first_row + row) * step;
    for (int64_t k = 0; k < o.input.length; k++) {
      Float w[whole > 0 ? whole : 1];
      Rest last;
#pragma GCC unroll 4
      for (int v = 0; v < whole; v++) w[v] = Wide::load(weight + v * kLanes);
      if constexpr (half) last = Half::load(weight + whole * kLanes);
#pragma GCC unroll 24
      for (int r = 0; r < rows; r++) {
        const float value = input[r * step + k];
        if constexpr (whole > 0) {
          const Float x = splat<Float>(value);
#pragma GCC unroll 4
          for (int v = 0; v < whole; v++) sums[r][v] += x * w[v];
        }
        if constexpr (half) rests[r] += splat<Rest>(value) * last;
      }
      weight += (whole + (half ? 1 : 0)) * kLanes;
    }
  }
  with_activation(o.activation, [&](auto k) __attribute__((always_inline)) {
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++) {
      float* out = o.row_of_output(row + r);
      const float* residual = o.residual == nullptr ? nullptr : o.residual + (row + r) * o.residual_step;
#pragma GCC unroll 4
      for (int v = 0; v < whole; v++) {
        Float y = activate<k.activation>(sums[r][v]);
        if (residual != nullptr) y += Wide::load(residual + v * kLanes);
        Wide::store(out + v * kLanes, y);
      }
      if constexpr (half) {
        Rest y = activate<k.activation>(rests[r]);
        if (residual != nullptr) y += Half::load(residual + whole * kLanes);
        Half::store(out + whole * kLanes, y);
      }
    }
  });
}

// Rows [row, rows), fewer than a tile: the smallest of three tiles that holds them, moved up to end with the last one. A few
// rows are computed twice, which is cheaper than narrow tiles.
template <int whole, bool half>
inline void multiply_rest(const Operands& o, int64_t row, int64_t rows) {
  constexpr int tile = tile_rows<whole + half>();
  constexpr int least = tile % 3 == 0 ? tile / 3 : tile / 2, middle = tile % 3 == 0 ? 2 * least : tile;
  if (rows - row > middle) {
    if (rows >= tile) return multiply_tile<tile, whole, half>(o, rows - tile);
    multiply_tile<middle, whole, half>(o, row);
    row += middle;
  }
  if (rows - row > least && rows >= middle) return multiply_tile<middle, whole, half>(o, rows - middle);
  for (; row + least <= rows; row += least) multiply_tile<least, whole, half>(o, row);
  if (row == rows) return;
  if (rows >= least) return multiply_tile<least, whole, half>(o, rows - least);
  for (; row < rows; row++) multiply_tile<1, whole, half>(o, row);
}

template <int whole, bool half>
void multiply_group(const Operands& o, int64_t rows) {
  constexpr int tile = tile_rows<whole + half>();
  int64_t row = 0;
  for (; row + tile <= rows; row += tile) multiply_tile<tile, whole, half>(o, row);
  if (row < rows) multiply_rest<whole, half>(o, row, rows);
}

void multiply_columns(const Operands& o, int64_t rows, int64_t vectors, bool ends_with_half) {
  if (ends_with_half) {
    switch (vectors) {
      case 1: return multiply_group<0, true>(o, rows);
      case 2: return multiply_group<1, true>(o, rows);
      default: return multiply_group<2, true>(o, rows);
    }
  }
  switch (vectors) {
    case 1: return multiply_group<1, false>(o, rows);
    case 2: return multiply_group<2, false>(o, rows);
    default: return multiply_group<3, false>(o, rows);
  }
}

// A group whose last vector reaches beyond the matrix goes through a buffer, a few rows at a time.
void multiply_ragged(Operands o, int64_t rows, int64_t vectors, int64_t columns) {
  constexpr int64_t some = 24;
  float buffer[some * 3 * kLanes];
  const Operands target = o;
  o.residual = nullptr;
  o.output = buffer;
  o.output_step = vectors * kLanes;
  o.places = nullptr;
  for (int64_t row = 0; row < rows; row += some) {
    const int64_t now = rows - row < some ? rows - row : some;
    o.first_row = target.first_row + row;
    multiply_columns(o, now, vectors, false);
    for (int64_t r = 0; r < now; r++) {
      float* out = target.row_of_output(row + r);
      for (int64_t c = 0; c < columns; c++) {
        const float add = target.residual == nullptr ? 0.0f : target.residual[(row + r) * target.residual_step + c];
        out[c] = buffer[r * o.output_step + c] + add;
      }
    }
  }
}

void multiply(Source input, int64_t rows, Packed m, const float* residual, Target output, int64_t first,
              int64_t last) {
  const Groups g(m.columns);
  for (int64_t group = first; group < last; group++) {
    const int64_t column = g.begin(group) * kLanes, width = g.width(group) * kLanes;
    const Operands o = {input,
                        0,
                        m.weight + column * m.depth,
                        m.epilogue.bias + column,
                        m.epilogue.activation,
                        residual == nullptr ? nullptr : residual + column,
                        m.columns,
                        output.data + column,
                        output.step,
                        output.places};
    const int64_t columns = m.columns - column, vectors = width / kLanes;
    if (Half::lanes < kLanes && columns == width - Half::lanes) {
      multiply_columns(o, rows, vectors, true);
    } else if (columns >= width || output.is_padded) {
      multiply_columns(o, rows, vectors, false);
    } else {
      multiply_ragged(o, rows, vectors, columns);
    }
  }
}

// Sums of the outer product that stay in registers: rows x vectors of them, beside the vectors of a panel.
constexpr int kOuterRows = ZOO_VECTOR_BYTES > 32 ? 8 : 4;

template <int rows, int vectors>
inline void outer_tile(const float* panel, const float* gradient, int64_t step, int64_t count, bool fresh, float* sums,
                       int64_t sums_step) {
  typedef Wide::Float Float;
  Float s[rows][vectors];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
      s[r][v] = fresh ? splat<Float>(0.0f) : Wide::load(sums + r * sums_step + v * kLanes);
  }
  for (int64_t p = 0; p < count; p++, panel += vectors * kLanes, gradient += step) {
    Float x[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) x[v] = Wide::load(panel + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      const Float g = splat<Float>(gradient[r]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) s[r][v] += g * x[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) Wide::store(sums + r * sums_step + v * kLanes, s[r][v]);
  }
}

// Columns [begin, begin + vectors) of the input go into a panel once and are read from it for every tile.
template <int vectors>
inline void outer_group(Rows input, Rows gradient, int64_t rows, bool fresh, int64_t begin, float* sums,
                        int64_t sums_step) {
  constexpr int64_t width = vectors * kLanes;
  alignas(64) float panel[kPanelRows * width];
  const int64_t inside = input.width - begin < width ? input.width - begin : width;
  for (int64_t p = 0; p < rows; p++) {
    const float* from = input.data + p * input.step + begin;
    float* to = panel + p * width;
    if (inside == width) {
      for (int v = 0; v < vectors; v++) Wide::store(to + v * kLanes, Wide::load(from + v * kLanes));
    } else {
      for (int64_t j = 0; j < width; j++) to[j] = j < inside ? from[j] : 0.0f;
    }
  }
  int64_t o = 0;
  for (; o + kOuterRows <= gradient.width; o += kOuterRows)
    outer_tile<kOuterRows, vectors>(panel, gradient.data + o, gradient.step, rows, fresh, sums + o * sums_step + begin,
                                    sums_step);
  for (; o < gradient.width; o++)
    outer_tile<1, vectors>(panel, gradient.data + o, gradient.step, rows, fresh, sums + o * sums_step + begin,
                           sums_step);
}

void outer(Rows input, Rows gradient, int64_t rows, bool fresh, float* sums, int64_t first, int64_t last) {
  const Groups g(input.width);
  const int64_t sums_step = g.vectors * kLanes;
  for (int64_t group = first; group < last; group++) {
    const int64_t begin = g.begin(group) * kLanes;
    switch (g.width(group)) {
      case 1: outer_group<1>(input, gradient, rows, fresh, begin, sums, sums_step); break;
      case 2: outer_group<2>(input, gradient, rows, fresh, begin, sums, sums_step); break;
      default: outer_group<3>(input, gradient, rows, fresh, begin, sums, sums_step);
    }
  }
}

// Eight vectors of channels at once: sums stay in registers, and each pixel gives whole cache lines.
template <int vectors, typename V>
inline void mean_of(V, const float* x, int64_t pixels, int64_t step, float* out) {
  typename V::Float sums[vectors] = {};
  for (int64_t p = 0; p < pixels; p++) {
    for (int v = 0; v < vectors; v++) sums[v] += V::load(x + p * step + v * V::lanes);
  }
  for (int v = 0; v < vectors; v++) V::store(out + v * V::lanes, sums[v] * (1.0f / static_cast<float>(pixels)));
}

void mean(const float* x, int64_t pixels, int64_t step, int64_t channels, float* out) {
  int64_t c = 0;
  for (; c + 8 * kLanes <= channels; c += 8 * kLanes) mean_of<8>(Wide{}, x + c, pixels, step, out + c);
  for (; c + kLanes <= channels; c += kLanes) mean_of<1>(Wide{}, x + c, pixels, step, out + c);
  for (; c < channels; c++) mean_of<1>(Single{}, x + c, pixels, step, out + c);
}

void scale(const float* x, int64_t rows, int64_t channels, const float* gate, float* y) {
  for (int64_t row = 0; row < rows; row++) {
    int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes)
      Wide::store(y + row * channels + c, Wide::load(x + row * channels + c) * Wide::load(gate + c));
    for (; c < channels; c++) y[row * channels + c] = x[row * channels + c] * gate[c];
  }
}

}  // namespace
}  // namespace ZOO_LEVEL
}  // namespace zoo
