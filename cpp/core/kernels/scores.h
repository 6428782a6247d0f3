// The score kernel: accumulators of S = X W' over one tile of features, several rows by several outputs in registers.
//
// Vectors run along the features, so a row is read as it is stored. A block of 3 rows x 4 outputs needs 7 loads for 12
// multiply-adds (16 registers), so that the two load ports keep up with the two multiply-add ports. The accumulators
// stay in L1 between tiles of features, and lanes are summed once per row.
#pragma once

#include "../math.h"
#include "../type_list.h"
#include "scratch.h"
#include "simd.h"

namespace softmargin {
namespace {

inline constexpr int kMaxScoreBlock = kRegisters == 32 ? 8 : 4;  // outputs in registers

// Rows in registers beside `outputs` outputs: enough independent sums to hide the latency of a multiply-add.
constexpr int score_rows(int outputs) { return outputs == 1 ? 8 : outputs == 2 ? 4 : 3; }

// acc [outputs][kAccumulatorRows] += x [rows][panels of kPanel] * w [panel][output][kPanel].
template <class T, int rows, int outputs>
[[gnu::always_inline]] inline void score_block(const T* const* x, const T* w, int64_t n_outputs, int64_t n_panels,
                                               Vec<T>* acc) {
  Vec<T> sum[outputs][rows];
  for (int c = 0; c < outputs; ++c)
    for (int r = 0; r < rows; ++r) sum[c][r] = acc[c * kAccumulatorRows + r];
  const T* row[rows];
  for (int r = 0; r < rows; ++r) row[r] = x[r];
  for (int64_t p = 0; p < n_panels; ++p) {
#pragma GCC unroll 4
    for (int u = 0; u < kPanel; u += Simd<T>::width) {
      Vec<T> value[rows];
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) value[r] = load(row[r] + p * kPanel + u);
#pragma GCC unroll 8
      for (int c = 0; c < outputs; ++c) {
        const Vec<T> weight = load(w + c * kPanel + u);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) sum[c][r] += value[r] * weight;
      }
    }
    w += n_outputs * kPanel;
  }
  for (int c = 0; c < outputs; ++c)
    for (int r = 0; r < rows; ++r) acc[c * kAccumulatorRows + r] = sum[c][r];
}

// `rows` rows against all outputs, so that the rows come from L1 for all blocks but the first. Blocks hold `widest`
// outputs or one less.
template <class T, int rows, int widest>
[[gnu::always_inline]] inline void score_rows_against(const T* const* x, const T* w, int64_t n_outputs,
                                                      int64_t n_panels, int count, int blocks, Vec<T>* acc,
                                                      Fetch& fetch) {
  const int narrow = blocks * widest - count;
  for (int block = 0; block < blocks; ++block) {
    step(fetch);
    if (block < blocks - narrow) {
      score_block<T, rows, widest>(x, w, n_outputs, n_panels, acc);
      w += widest * kPanel, acc += widest * kAccumulatorRows;
    } else if constexpr (widest > 1) {
      score_block<T, rows, widest - 1>(x, w, n_outputs, n_panels, acc);
      w += (widest - 1) * kPanel, acc += (widest - 1) * kAccumulatorRows;
    }
  }
}

template <class T, int widest>
void score_tile_by(const T* const* x, int n_rows, const T* w, int64_t n_outputs, int64_t n_panels, int count,
                   int blocks, Vec<T>* acc, Fetch& fetch) {
  constexpr int rows = score_rows(widest);
  plan(fetch, blocks * maximum(n_rows / rows, 1));
  int r = 0;
  for (; r + rows <= n_rows; r += rows) {
    score_rows_against<T, rows, widest>(x + r, w, n_outputs, n_panels, count, blocks, acc + r, fetch);
  }
  for (; r < n_rows; ++r) {
    score_rows_against<T, 1, widest>(x + r, w, n_outputs, n_panels, count, blocks, acc + r, fetch);
  }
}

// One tile of features for `count` <= kScoreOutputs outputs.
template <class T>
void score_tile(const T* const* x, int n_rows, const T* w, int64_t n_outputs, int64_t n_panels, int count, Vec<T>* acc,
                Fetch& fetch) {
  const int blocks = (count + kMaxScoreBlock - 1) / kMaxScoreBlock;
  with_constant<1, kMaxScoreBlock>((count + blocks - 1) / blocks, [&]<int widest>() {
    score_tile_by<T, widest>(x, n_rows, w, n_outputs, n_panels, count, blocks, acc, fetch);
  });
}

// S [count][kTileRows] = the lanes of acc summed, plus b.
template <class T>
void finish_scores(const Vec<T>* acc, const T* b, int count, T* S) {
  constexpr int width = Simd<T>::width;
  for (int c = 0; c < count; ++c) {
    for (int r = 0; r < kTileRows; r += width) {
      Vec<T> v[width];
      for (int i = 0; i < width; ++i) v[i] = acc[c * kAccumulatorRows + r + i];
      const Vec<T> total = sums<T>(v) + broadcast(b[c]);
      if (r + width <= kTileRows) {
        store(S + c * kTileRows + r, total);
      } else {
        for (int i = 0; r + i < kTileRows; ++i) S[c * kTileRows + r + i] = total[i];
      }
    }
  }
}

}  // namespace
}  // namespace softmargin
