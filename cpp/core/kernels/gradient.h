// The gradient kernel: dW += dS' X over one tile of rows and features, several vectors of features by several outputs
// in registers.
//
// A row contributes one load per vector of features and one broadcast per output; dW is loaded and stored once per tile
// of rows. Rows are added in order, so the result of an element does not depend on how features are split.
#pragma once

#include "../math.h"
#include "../type_list.h"
#include "scratch.h"
#include "simd.h"

namespace softmargin {
namespace {

inline constexpr int kMaxGradientBlock = kRegisters == 32 ? 12 : 6;  // outputs in registers

// Vectors of features in registers beside `outputs` outputs.
constexpr int gradient_vectors(int outputs) { return outputs == 1 ? 8 : outputs <= 3 ? 4 : 2; }

// dW [panel][output][kPanel] += dS [output][kTileRows] x [rows], for `vectors` vectors of features from feature j on.
template <class T, int vectors, int outputs>
[[gnu::always_inline]] inline void gradient_block(const T* const* x, int n_rows, int64_t j, const T* dS,
                                                  int64_t n_outputs, T* dW) {
  constexpr int width = Simd<T>::width;
  Vec<T> sum[outputs][vectors];
  T* place[vectors];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    const int64_t feature = j + v * width;
    place[v] = dW + feature / kPanel * (kPanel * n_outputs) + feature % kPanel;
  }
#pragma GCC unroll 12
  for (int c = 0; c < outputs; ++c)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) sum[c][v] = load(place[v] + c * kPanel);
  for (int r = 0; r < n_rows; ++r) {
    Vec<T> value[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) value[v] = load(x[r] + j + v * width);
#pragma GCC unroll 12
    for (int c = 0; c < outputs; ++c) {
      const Vec<T> derivative = broadcast(dS[c * kTileRows + r]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[c][v] += derivative * value[v];
    }
  }
#pragma GCC unroll 12
  for (int c = 0; c < outputs; ++c)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) store(place[v] + c * kPanel, sum[c][v]);
}

// Features j .. end - 1 (whole panels), the widest blocks first.
template <class T, int vectors, int outputs>
void gradient_features(const T* const* x, int n_rows, int64_t j, int64_t end, const T* dS, int64_t n_outputs, T* dW,
                       Fetch& fetch) {
  constexpr int stride = vectors * Simd<T>::width;
  for (; j + stride <= end; j += stride) {
    step(fetch);
    gradient_block<T, vectors, outputs>(x, n_rows, j, dS, n_outputs, dW);
  }
  if constexpr (vectors > 1) gradient_features<T, vectors / 2, outputs>(x, n_rows, j, end, dS, n_outputs, dW, fetch);
}

// One tile: x [n_rows] points to feature 0 of the tile, dW to its first panel.
template <class T>
void gradient_tile(const T* const* x, int n_rows, int64_t n_features, const T* dS, int64_t n_outputs, T* dW,
                   Fetch& fetch) {
  const int64_t blocks = (n_outputs + kMaxGradientBlock - 1) / kMaxGradientBlock;
  const int widest = static_cast<int>((n_outputs + blocks - 1) / blocks);
  plan(fetch, blocks * maximum<int64_t>(n_features / (gradient_vectors(widest) * Simd<T>::width), 1));
  int64_t c = 0;
  for (int64_t block = 0; block < blocks; ++block) {
    const int outputs = static_cast<int>((n_outputs - c + blocks - block - 1) / (blocks - block));
    const T* d = dS + c * kTileRows;
    T* out = dW + c * kPanel;
    with_constant<1, kMaxGradientBlock>(outputs, [&]<int size>() {
      gradient_features<T, gradient_vectors(size), size>(x, n_rows, 0, n_features, d, n_outputs, out, fetch);
    });
    c += outputs;
  }
}

}  // namespace
}  // namespace softmargin
