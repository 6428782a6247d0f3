// The gradient kernel: dW += dS' X over one tile of rows and features, several vectors of features by several outputs
// in registers.
//
// A row contributes one load per vector of features and one broadcast per output; dW is loaded and stored once per tile
// of rows. Rows are added in order, so the result of an element does not depend on how features are split.
//
// As for the scores, the first block of outputs converts the elements and keeps them for the others: a few vectors of
// each row, then all blocks, then the next features (uint8: 15.5 ms for 20 000 x 3072, k = 10, one thread;
// multiply-adds alone take 13.6). Rows of W's own type are kept as well: rows of 4096 bytes or a multiple of it put the
// same feature into the same set of an L1, which holds 8 to 12 of them, so that the second block would read them from
// the L2 again (float64, 50 000 x 3072: 112 ms; 162 with a copy of the tile, which takes more of the L1).
#pragma once

#include "../layouts/element.h"
#include "../math.h"
#include "../type_list.h"
#include "scratch.h"
#include "simd.h"

namespace softmargin {
namespace {

inline constexpr int kMaxGradientBlock = kRegisters == 32 ? 12 : 6;  // outputs in registers

// Outputs that go over a tile of features together: their dS (12 kB of float64) stays in L1.
inline constexpr int kGradientOutputs = 60;

// Vectors of features in registers beside `outputs` outputs.
constexpr int gradient_vectors(int outputs) { return outputs == 1 ? 8 : outputs <= 3 ? 4 : 2; }

// dW [panel][output][kPanel] += dS [tile][output][kTileRows] x [rows], for `vectors` vectors of features from feature j
// on.
// kept [rows][vectors]: those of x as T, written or read instead of x.
template <class E, class T, int vectors, int outputs, Keep keep>
[[gnu::always_inline]] inline void gradient_block(const E* const* x, int n_rows, int64_t j, T* kept, const T* dS,
                                                  int64_t n_outputs, T* dW, int64_t ahead = 0) {
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
  for (int begin = 0; begin < n_rows; begin += kTileRows, dS += n_outputs * kTileRows) {
    const int end = minimum(begin + kTileRows, n_rows);
    for (int r = begin; r < end; ++r) {
      if (outputs == 1 && ahead > 0) {
        for (int i = 0; i < vectors * width * static_cast<int>(sizeof(E)); i += 64)
          __builtin_prefetch(reinterpret_cast<const char*>(x[r] + j) + ahead + i, 0, 2);
      }
      Vec<T> value[vectors];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v)
        value[v] = through<keep>(x[r] + j + v * width, kept + (r * vectors + v) * width);
#pragma GCC unroll 12
      for (int c = 0; c < outputs; ++c) {
        const Vec<T> derivative = broadcast(dS[c * kTileRows + r - begin]);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sum[c][v] += derivative * value[v];
      }
    }
  }
#pragma GCC unroll 12
  for (int c = 0; c < outputs; ++c)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) store(place[v] + c * kPanel, sum[c][v]);
}

// `count` outputs, in blocks of `widest` outputs or one less, and features j .. end - 1 (whole panels), the widest
// vectors first.
template <class E, class T, int vectors, int widest>
void gradient_features(const E* const* x, int n_rows, int64_t j, int64_t end, T* kept, const T* dS, int64_t n_outputs,
                       int count, int blocks, T* dW, Fetch& fetch) {
  constexpr int stride = vectors * Simd<T>::width;
  const int narrow = blocks * widest - count;
  for (; j + stride <= end; j += stride) {
    step(fetch);
    if (blocks == 1) {
      gradient_block<E, T, vectors, widest, Keep::none>(x, n_rows, j, kept, dS, n_outputs, dW, fetch.ahead);
      continue;
    }
    gradient_block<E, T, vectors, widest, Keep::write>(x, n_rows, j, kept, dS, n_outputs, dW);
    const T* d = dS + widest * kTileRows;
    T* out = dW + widest * kPanel;
    for (int block = 1; block < blocks; ++block) {
      step(fetch);
      if (block < blocks - narrow) {
        gradient_block<E, T, vectors, widest, Keep::read>(x, n_rows, j, kept, d, n_outputs, out);
        d += widest * kTileRows, out += widest * kPanel;
      } else if constexpr (widest > 1) {
        gradient_block<E, T, vectors, widest - 1, Keep::read>(x, n_rows, j, kept, d, n_outputs, out);
        d += (widest - 1) * kTileRows, out += (widest - 1) * kPanel;
      }
    }
  }
  if constexpr (vectors > 1) {
    if (j == end) return;
    gradient_features<E, T, vectors / 2, widest>(x, n_rows, j, end, kept, dS, n_outputs, count, blocks, dW, fetch);
  }
}

// One tile, or two: x [n_rows] points to feature 0 of the tile, dW to its first panel.
template <class E, class T>
void gradient_tile(const E* const* x, int n_rows, int64_t n_features, T* kept, const T* dS, int64_t n_outputs, T* dW,
                   Fetch& fetch) {
  const int64_t groups = (n_outputs + kGradientOutputs - 1) / kGradientOutputs;
  int64_t c = 0;
  for (int64_t group = 0; group < groups; ++group) {
    const int count = static_cast<int>((n_outputs - c + groups - group - 1) / (groups - group));
    const int blocks = (count + kMaxGradientBlock - 1) / kMaxGradientBlock;
    with_constant<1, kMaxGradientBlock>((count + blocks - 1) / blocks, [&]<int widest>() {
      constexpr int vectors = gradient_vectors(widest);
      if (group == 0) plan(fetch, groups * blocks * maximum<int64_t>(n_features / (vectors * Simd<T>::width), 1));
      gradient_features<E, T, vectors, widest>(x, n_rows, 0, n_features, kept, dS + c * kTileRows, n_outputs, count,
                                               blocks, dW + c * kPanel, fetch);
    });
    c += count;
  }
}

}  // namespace
}  // namespace softmargin
