// The score kernel: accumulators of S = X W' over one tile of features, several rows by several outputs in registers.
//
// Vectors run along the features, so a row is read as it is stored. A block of 3 rows x 4 outputs needs 7 loads for 12
// multiply-adds (16 registers), so that the two load ports keep up with the two multiply-add ports. The accumulators
// stay in L1 between tiles of features, and lanes are summed once per row.
//
// The first block of outputs converts the elements and keeps them for the others (3 kB of L1): the conversions and the
// stores find ports that the multiply-adds leave free (uint8: 16 ms for 20 000 x 3072, k = 10, one thread; 20 with a
// conversion of the tile before). Elements of W's type are read in place.
#pragma once

#include "../layouts/element.h"
#include "../math.h"
#include "../type_list.h"
#include "scratch.h"
#include "simd.h"

namespace softmargin {
namespace {

inline constexpr int kMaxScoreBlock = kRegisters == 32 ? 8 : 4;  // outputs in registers

// Rows in registers beside `outputs` outputs: enough independent sums to hide the latency of a multiply-add.
constexpr int score_rows(int outputs) { return outputs == 1 ? 8 : outputs == 2 ? 4 : 3; }

// Sums in registers for rows of few features.
inline constexpr int kNarrowSums = 8;

// acc [outputs][kAccumulatorRows] += x [rows][panels of kPanel] * w [panel][output][kPanel]. kept
// [panel][rows][kPanel]: x as T, written or read instead of x.
template <class E, class T, int rows, int outputs, Keep keep>
[[gnu::always_inline]] inline void score_block(const E* const* x, T* kept, const T* w, int64_t n_outputs,
                                               int64_t n_panels, Vec<T>* acc) {
  Vec<T> sum[outputs][rows];
  for (int c = 0; c < outputs; ++c)
    for (int r = 0; r < rows; ++r) sum[c][r] = acc[c * kAccumulatorRows + r];
  const E* row[rows];
  for (int r = 0; r < rows; ++r) row[r] = x[r];
  for (int64_t p = 0; p < n_panels; ++p) {
#pragma GCC unroll 4
    for (int u = 0; u < kPanel; u += Simd<T>::width) {
      Vec<T> value[rows];
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) value[r] = through<keep>(row[r] + p * kPanel + u, kept + r * kPanel + u);
#pragma GCC unroll 8
      for (int c = 0; c < outputs; ++c) {
        const Vec<T> weight = load(w + c * kPanel + u);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) sum[c][r] += value[r] * weight;
      }
    }
    w += n_outputs * kPanel;
    kept += rows * kPanel;
  }
  for (int c = 0; c < outputs; ++c)
    for (int r = 0; r < rows; ++r) acc[c * kAccumulatorRows + r] = sum[c][r];
}

// `rows` rows against all outputs. Blocks hold `widest` outputs or one less.
template <class E, class T, int rows, int widest>
[[gnu::always_inline]] inline void score_rows_against(const E* const* x, T* kept, const T* w, int64_t n_outputs,
                                                      int64_t n_panels, int count, int blocks, Vec<T>* acc,
                                                      Fetch& fetch) {
  constexpr Keep first = same<E, T> ? Keep::none : Keep::write, others = same<E, T> ? Keep::none : Keep::read;
  const int narrow = blocks * widest - count;
  step(fetch);
  if (blocks == 1) {
    score_block<E, T, rows, widest, Keep::none>(x, kept, w, n_outputs, n_panels, acc);
    return;
  }
  score_block<E, T, rows, widest, first>(x, kept, w, n_outputs, n_panels, acc);
  for (int block = 1; block < blocks; ++block) {
    w += widest * kPanel, acc += widest * kAccumulatorRows;
    step(fetch);
    if (block < blocks - narrow) {
      score_block<E, T, rows, widest, others>(x, kept, w, n_outputs, n_panels, acc);
    } else if constexpr (widest > 1) {
      score_block<E, T, rows, widest - 1, others>(x, kept, w, n_outputs, n_panels, acc);
      w -= kPanel, acc -= kAccumulatorRows;
    }
  }
}

template <class E, class T, int widest>
void score_tile_by(const E* const* x, int n_rows, T* kept, const T* w, int64_t n_outputs, int64_t n_panels, int count,
                   int blocks, Vec<T>* acc, Fetch& fetch) {
  constexpr int rows = score_rows(widest);
  plan(fetch, blocks * maximum(n_rows / rows, 1));
  int r = 0;
  for (; r + rows <= n_rows; r += rows) {
    score_rows_against<E, T, rows, widest>(x + r, kept, w, n_outputs, n_panels, count, blocks, acc + r, fetch);
  }
  if constexpr (rows > 2) {
    for (; r + 2 <= n_rows; r += 2)
      score_rows_against<E, T, 2, widest>(x + r, kept, w, n_outputs, n_panels, count, blocks, acc + r, fetch);
  }
  for (; r < n_rows; ++r)
    score_rows_against<E, T, 1, widest>(x + r, kept, w, n_outputs, n_panels, count, blocks, acc + r, fetch);
}

// One tile of features for `count` <= kScoreOutputs outputs.
template <class E, class T>
void score_tile(const E* const* x, int n_rows, T* kept, const T* w, int64_t n_outputs, int64_t n_panels, int count,
                Vec<T>* acc, Fetch& fetch) {
  const int blocks = (count + kMaxScoreBlock - 1) / kMaxScoreBlock;
  with_constant<1, kMaxScoreBlock>((count + blocks - 1) / blocks, [&]<int widest>() {
    score_tile_by<E, T, widest>(x, n_rows, kept, w, n_outputs, n_panels, count, blocks, acc, fetch);
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

// Eight sums of rows of few features, of 8 rows by one output or of 4 by two, over all features in registers:
// S [outputs][rows] of a tile = x [rows][n_vectors of T] * w [panel][output][kPanel] + b. The rows go on past their
// last feature, where the weights are 0. A function of its own, so that the pointers to the rows stay in registers.
template <class E, class T, int outputs>
[[gnu::noinline]] void narrow_block(const E* const* x, const T* w, const T* b, int64_t n_outputs, int64_t n_vectors,
                                    T* S) {
  constexpr int width = Simd<T>::width, rows = kNarrowSums / outputs;
  Vec<T> sum[kNarrowSums > width ? kNarrowSums : width] = {};
#pragma GCC unroll 8
  for (int i = 0; i < kNarrowSums; ++i) sum[i][0] = b[i / rows];
  const E* row[rows];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) row[r] = x[r];
  const auto add = [&] [[gnu::always_inline]] (int64_t j, const T* place) {
    Vec<T> weight[outputs];
#pragma GCC unroll 2
    for (int c = 0; c < outputs; ++c) weight[c] = load(place + c * kPanel);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const Vec<T> value = load_as<T>(row[r] + j);
#pragma GCC unroll 2
      for (int c = 0; c < outputs; ++c) sum[c * rows + r] += value * weight[c];
    }
  };
  const int64_t end = n_vectors * width;
  int64_t j = 0;
  for (; j + kPanel <= end; j += kPanel, w += n_outputs * kPanel) {
#pragma GCC unroll 4
    for (int u = 0; u < kPanel; u += width) add(j + u, w + u);
  }
  for (; j < end; j += width, w += width) add(j, w);
#pragma GCC unroll 4
  for (int i = 0; i < kNarrowSums; i += width) {
    const Vec<T> total = sums<T>(sum + i);
    T* place = S + i / rows * kTileRows + i % rows;
    if constexpr (width <= rows) {
      store(place, total);
    } else {
      alignas(64) T lane[width];
      store(lane, total);
      for (int at = 0; at < minimum(width, kNarrowSums); at += rows)
        __builtin_memcpy(place + at / rows * kTileRows, lane + at, rows * sizeof(T));
    }
  }
}

// A run of rows of few features, outputs in pairs. x [n_rows], and from there to a multiple of 8, any rows.
template <class E, class T>
void narrow_scores(const E* const* x, int n_rows, const T* w, const T* b, int64_t n_outputs, int64_t n_vectors, T* S,
                   Fetch& fetch) {
  plan(fetch, (n_rows + kNarrowSums - 1) / kNarrowSums);
  int r = 0;
  for (; r < n_rows; r += kNarrowSums) {
    step(fetch);
    T* s = S + r / kTileRows * (kTileRows * n_outputs) + r % kTileRows;
    int64_t c = 0;
    for (; c + 2 <= n_outputs; c += 2) {
      narrow_block<E, T, 2>(x + r, w + c * kPanel, b + c, n_outputs, n_vectors, s + c * kTileRows);
      narrow_block<E, T, 2>(x + r + kNarrowSums / 2, w + c * kPanel, b + c, n_outputs, n_vectors,
                            s + c * kTileRows + kNarrowSums / 2);
    }
    if (c < n_outputs) narrow_block<E, T, 1>(x + r, w + c * kPanel, b + c, n_outputs, n_vectors, s + c * kTileRows);
  }
  for (; r % kTileRows != 0; ++r)
    for (int64_t c = 0; c < n_outputs; ++c) S[(r / kTileRows * n_outputs + c) * kTileRows + r % kTileRows] = T(0);
}

}  // namespace
}  // namespace softmargin
