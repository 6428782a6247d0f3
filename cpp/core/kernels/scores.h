// The score kernel: accumulators of S = X W' over one tile of features, several rows by several outputs in registers.
//
// Vectors run along the features, so a row is read as it is stored. A block of 3 rows x 4 outputs needs 7 loads for 12
// multiply-adds (16 registers), so that the two load ports keep up with the two multiply-add ports. The accumulators
// stay in L1 between tiles of features, and lanes are summed once per row.
#pragma once

#include "../math.h"
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

template <class T, int outputs>
void score_rows_by(const T* const* x, int n_rows, const T* w, int64_t n_outputs, int64_t n_panels, Vec<T>* acc,
                   Fetch& fetch) {
  constexpr int rows = score_rows(outputs);
  int r = 0;
  for (; r + rows <= n_rows; r += rows) {
    step(fetch);
    score_block<T, rows, outputs>(x + r, w, n_outputs, n_panels, acc + r);
  }
  for (; r < n_rows; ++r) score_block<T, 1, outputs>(x + r, w, n_outputs, n_panels, acc + r);
}

// One tile of features for `count` <= kScoreOutputs outputs, in nearly equal blocks of outputs.
template <class T>
void score_tile(const T* const* x, int n_rows, const T* w, int64_t n_outputs, int64_t n_panels, int count, Vec<T>* acc,
                Fetch& fetch) {
  const int blocks = (count + kMaxScoreBlock - 1) / kMaxScoreBlock;
  plan(fetch, blocks * maximum(n_rows / score_rows((count + blocks - 1) / blocks), 1));
  for (int block = 0, c = 0; block < blocks; ++block) {
    const int outputs = (count - c + blocks - block - 1) / (blocks - block);
    const T* wc = w + c * kPanel;
    Vec<T>* a = acc + c * kAccumulatorRows;
    switch (outputs) {
      case 1:
        score_rows_by<T, 1>(x, n_rows, wc, n_outputs, n_panels, a, fetch);
        break;
      case 2:
        score_rows_by<T, 2>(x, n_rows, wc, n_outputs, n_panels, a, fetch);
        break;
      case 3:
        score_rows_by<T, 3>(x, n_rows, wc, n_outputs, n_panels, a, fetch);
        break;
      case 4:
        score_rows_by<T, 4>(x, n_rows, wc, n_outputs, n_panels, a, fetch);
        break;
      default:
        if constexpr (kMaxScoreBlock == 8) {
          switch (outputs) {
            case 5:
              score_rows_by<T, 5>(x, n_rows, wc, n_outputs, n_panels, a, fetch);
              break;
            case 6:
              score_rows_by<T, 6>(x, n_rows, wc, n_outputs, n_panels, a, fetch);
              break;
            case 7:
              score_rows_by<T, 7>(x, n_rows, wc, n_outputs, n_panels, a, fetch);
              break;
            default:
              score_rows_by<T, 8>(x, n_rows, wc, n_outputs, n_panels, a, fetch);
              break;
          }
        }
    }
    c += outputs;
  }
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
