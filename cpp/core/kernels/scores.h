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

inline constexpr int kMaxScoreBlock = kRegisters == 32 ? 6 : 4;  // outputs in registers

// Rows in registers beside `outputs` outputs: enough independent sums to hide the latency of a multiply-add, and of 32
// registers most for sums, so that a load serves more of them (k = 10 by 5 x 4: 96 GFLOP/s on uint8, 5 x 3: 82).
constexpr int score_rows(int outputs) {
  if (outputs == 1) return 8;
  if (kRegisters == 32) return outputs <= 4 ? 6 : 4;
  return outputs == 2 ? 4 : 3;
}

// Vectors of the weights of one output in registers.
inline constexpr int kSingleVectors = 8;

// Features whose weights stay in L1 beside a row: 8 kB of float32.
inline constexpr int kSingleFeatures = 2048;

// acc [outputs][kAccumulatorRows] += x [rows][panels of kPanel] * w [panel][output][kPanel], `first`: = instead. kept
// [panel][rows][kPanel]: x as T, written or read instead of x.
template <class E, class T, int rows, int outputs, Keep keep>
[[gnu::always_inline]] inline void score_block(const E* const* x, T* kept, const T* w, int64_t n_outputs,
                                               int64_t n_panels, bool first, Vec<T>* acc) {
  Vec<T> sum[outputs][rows];
  for (int c = 0; c < outputs; ++c)
    for (int r = 0; r < rows; ++r) sum[c][r] = first ? Vec<T>{} : acc[c * kAccumulatorRows + r];
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
                                                      int64_t n_panels, int count, int blocks, bool first, Vec<T>* acc,
                                                      Fetch& fetch) {
  constexpr Keep firsts = same<E, T> ? Keep::none : Keep::write, others = same<E, T> ? Keep::none : Keep::read;
  const int narrow = blocks * widest - count;
  step(fetch);
  if (blocks == 1) {
    score_block<E, T, rows, widest, Keep::none>(x, kept, w, n_outputs, n_panels, first, acc);
    return;
  }
  score_block<E, T, rows, widest, firsts>(x, kept, w, n_outputs, n_panels, first, acc);
  for (int block = 1; block < blocks; ++block) {
    w += widest * kPanel, acc += widest * kAccumulatorRows;
    step(fetch);
    if (block < blocks - narrow) {
      score_block<E, T, rows, widest, others>(x, kept, w, n_outputs, n_panels, first, acc);
    } else if constexpr (widest > 1) {
      score_block<E, T, rows, widest - 1, others>(x, kept, w, n_outputs, n_panels, first, acc);
      w -= kPanel, acc -= kAccumulatorRows;
    }
  }
}

// The last block may go past the last row: x goes on with a row of the tile. Blocks of fewer rows would double the
// code.
template <class E, class T, int widest>
void score_tile_by(const E* const* x, int n_rows, T* kept, const T* w, int64_t n_outputs, int64_t n_panels, int count,
                   int blocks, bool first, Vec<T>* acc, Fetch& fetch) {
  constexpr int rows = score_rows(widest);
  plan(fetch, blocks * ((n_rows + rows - 1) / rows));
  for (int r = 0; r < n_rows; r += rows)
    score_rows_against<E, T, rows, widest>(x + r, kept, w, n_outputs, n_panels, count, blocks, first, acc + r, fetch);
}

// One tile of features for `count` <= kScoreOutputs outputs.
template <class E, class T>
void score_tile(const E* const* x, int n_rows, T* kept, const T* w, int64_t n_outputs, int64_t n_panels, int count,
                bool first, Vec<T>* acc, Fetch& fetch) {
  const int blocks = (count + kMaxScoreBlock - 1) / kMaxScoreBlock;
  with_constant<1, kMaxScoreBlock>((count + blocks - 1) / blocks, [&]<int widest>() {
    score_tile_by<E, T, widest>(x, n_rows, kept, w, n_outputs, n_panels, count, blocks, first, acc, fetch);
  });
}

// S [count][kTileRows] = the lanes of acc summed, plus b. Where a tile is no whole number of vectors, by halves of
// them.
template <class T>
void finish_scores(const Vec<T>* acc, const T* b, int count, T* S) {
  constexpr bool whole = kTileRows % Simd<T>::width == 0;
  constexpr int width = whole ? Simd<T>::width : Simd<T>::width / 2;
  static_assert(kTileRows % width == 0);
  for (int c = 0; c < count; ++c) {
    for (int r = 0; r < kTileRows; r += width) {
      const Vec<T>* lanes_of = acc + c * kAccumulatorRows + r;
      T* s = S + c * kTileRows + r;
      if constexpr (whole) {
        Vec<T> v[width];
        for (int i = 0; i < width; ++i) v[i] = lanes_of[i];
        store(s, sums<T>(v) + b[c]);
      } else {
        typename HalfSimd<T>::type v[width];
        for (int i = 0; i < width; ++i) v[i] = halves<T>(lanes_of[i]);
        const auto total = sums<T>(v) + b[c];
        __builtin_memcpy(s, &total, sizeof total);
      }
    }
  }
}

// Rows of few features against one output: acc [n_rows] += x [n_rows][vectors] * w [vectors], `first`: start instead of
// what acc holds. w stays in registers, and the rows are read one after the other, as they lie in memory, which is what
// the hardware prefetches (50 features: 9 cycles a row in cache, 14 in blocks of 8 rows with w in L1).
template <class E, class T, int vectors>
[[gnu::noinline]] void single_block(const E* const* x, int n_rows, int64_t j, const T* w, bool first, Vec<T> start,
                                    Vec<T>* acc) {
  constexpr int width = Simd<T>::width;
  Vec<T> weight[vectors];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) weight[v] = load(w + j + v * width);
  for (int r = 0; r < n_rows; ++r) {
    const E* row = x[r] + j;
    Vec<T> sum = first ? start : acc[r];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) sum += weight[v] * load_as<T>(row + v * width);
    acc[r] = sum;
  }
}

// The same for more vectors than that, whole rows with w from L1: 1.8 times the loads of 8 rows at a time, but one run
// of memory where those are eight (200 000 x 1000 on two threads: 580 cycles a row, 690 with 8 rows and software
// prefetch of the next tile, most of which finds no free miss buffer at this rate).
template <class E, class T>
[[gnu::noinline]] void single_rows(const E* const* x, int n_rows, const T* w, Vec<T> start, int64_t n_vectors,
                                   Vec<T>* acc) {
  constexpr int width = Simd<T>::width, chains = 4;  // hide the latency of a multiply-add
  for (int r = 0; r < n_rows; ++r) {
    Vec<T> sum[chains] = {start};
    int64_t j = 0;
    for (; j + chains * width <= n_vectors * width; j += chains * width) {
#pragma GCC unroll 4
      for (int i = 0; i < chains; ++i) sum[i] += load(w + j + i * width) * load_as<T>(x[r] + j + i * width);
    }
    for (; j < n_vectors * width; j += width) sum[0] += load(w + j) * load_as<T>(x[r] + j);
    acc[r] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
}

// S [n_rows] of a tile or a run; finite numbers up to the end of the last tile. The rows go on past their last feature,
// where w [n_vectors] is 0. acc: room for kRunRows vectors and one more vector's lanes.
template <class E, class T>
void single_scores(const E* const* x, int n_rows, const T* w, T b, int64_t n_vectors, Vec<T>* acc, T* S, Fetch& fetch) {
  constexpr int width = Simd<T>::width;
  Vec<T> start{};
  start[0] = b;
  const bool wide = n_vectors * width > kNarrowFeatures;
  const int step_rows = fetch.n_rows > 0 ? 8 : n_rows;
  plan(fetch, (n_rows + step_rows - 1) / step_rows);
  if (wide) single_rows<E>(x, n_rows, w, start, n_vectors, acc);
  for (int r = 0; r < n_rows && !wide; r += step_rows) {
    step(fetch);
    for (int64_t v = 0; v < n_vectors; v += kSingleVectors) {
      const int count = static_cast<int>(minimum<int64_t>(n_vectors - v, kSingleVectors));
      with_constant<1, kSingleVectors>(count, [&]<int vectors>() {
        single_block<E, T, vectors>(x + r, minimum(step_rows, n_rows - r), v * width, w, v == 0, start, acc + r);
      });
    }
  }
  const int end = (n_rows + kTileRows - 1) / kTileRows * kTileRows;
  for (int r = n_rows; r < end + width - 1; ++r) acc[r] = Vec<T>{};
  for (int r = 0; r < end; r += width) {
    const Vec<T> total = sums<T>(acc + r);
    if (r + width <= end) {
      store(S + r, total);
    } else {
      for (int i = 0; r + i < end; ++i) S[r + i] = total[i];
    }
  }
}

}  // namespace
}  // namespace softmargin
