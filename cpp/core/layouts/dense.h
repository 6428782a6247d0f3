// Dense rows of float32, float64, float16 or uint8, read in place by the kernels, which convert them in registers.
#pragma once

#include <cstring>

#include "../kernels/gradient.h"
#include "../kernels/scores.h"
#include "../math.h"
#include "../packed.h"
#include "element.h"

namespace softmargin {
namespace {

// W of more bytes than this is fetched ahead: half of a small L2.
inline constexpr int64_t kKeptWeights = int64_t{256} << 10;

// Features of a tile of rows of n features. Vectors of 64 bytes need twice the accumulators, which move between the L1
// and the L2 with each tile: fewer tiles, and one where all of W for 12 outputs takes 36 kB (uint8, k = 10: 0.79 ->
// 0.81 of the peak; 20 000 x 768, k = 32: 0.61 -> 0.67).
constexpr int64_t tile_features(int64_t n) {
  if (kVectorBytes < 64) return kFeatureTile;
  return n <= 3 * kFeatureTile ? 3 * kFeatureTile : 2 * kFeatureTile;
}

inline int64_t row_index(const Rows& rows, int64_t i) {
  return rows.order ? rows.order[rows.first + i] : rows.first + i;
}

template <class E>
struct Dense {
  static constexpr int width = kPanel;
  static constexpr int element_bytes = sizeof(E);

  static const E* row(const MatrixView& X, int64_t i) {
    return reinterpret_cast<const E*>(static_cast<const char*>(X.data) + i * X.row_stride);
  }

  // x [rows.count] = feature j of each row, and the last one again for a block of registers that goes past it.
  [[gnu::noinline]] static void row_pointers(const MatrixView& X, const Rows& rows, int64_t j, const E** x) {
    if (rows.order) {
      for (int64_t r = 0; r < rows.count; ++r) x[r] = row(X, rows.order[rows.first + r]) + j;
    } else {
      const auto* first = reinterpret_cast<const char*>(row(X, rows.first) + j);
      for (int64_t r = 0; r < rows.count; ++r) x[r] = reinterpret_cast<const E*>(first + r * X.row_stride);
    }
    repeat_last(rows, x);
  }

  static void repeat_last(const Rows& rows, const E** x) {
    for (int r = 0; r < kMostBlockRows - 1; ++r) x[rows.count + r] = x[rows.count - 1];
  }

  // x [rows.count] = copies of `n` elements of each, with zeros up to `padded`.
  [[gnu::noinline]] static void copy_rows(const Rows& rows, int64_t n, int64_t padded, const E** x, E* copy) {
    for (int64_t r = 0; r < rows.count; ++r, copy += padded) {
      std::memcpy(copy, x[r], static_cast<std::size_t>(n) * sizeof(E));
      std::memset(static_cast<void*>(copy + n), 0, static_cast<std::size_t>(padded - n) * sizeof(E));
      x[r] = copy;
    }
    repeat_last(rows, x);
  }

  // f(tile, its place in the run).
  template <class F>
  [[gnu::always_inline]] static void each_tile_of_rows(const Rows& rows, F&& f) {
    for (int64_t r = 0; r < rows.count; r += kTileRows)
      f(Rows{rows.order, rows.first + r, minimum<int64_t>(kTileRows, rows.count - r)}, r / kTileRows);
  }

  // Rows of X that follow each other in memory.
  static bool one_run(const MatrixView& X, const Rows& rows) {
    return !rows.order && X.row_stride == X.n_features * static_cast<int64_t>(sizeof(E));
  }

  // Whether the scores take a way of their own (single_scores): rows of few features, or read in the order of memory.
  // So does every tile of the same matrix but for its last rows, whoever works it out.
  static bool by_single_output(const MatrixView& X, const Rows& rows, int64_t n_outputs) {
    return n_outputs == 1 && (X.n_features <= kNarrowFeatures || (X.n_features <= kSingleFeatures && one_run(X, rows)));
  }

  // The features of the rows `begin` to `end` of the tile that begins at `next` (-1: behind these rows), row after row,
  // as they lie in memory: two dozen rows at a time are more streams than the hardware prefetcher follows, and it stops
  // at the end of a page.
  [[gnu::noinline]] static Fetch next_rows(const MatrixView& X, const Rows& rows, int64_t n_outputs, Features features,
                                           int64_t next, int64_t begin, int64_t end) {
    Fetch fetch;
    const int64_t n_features = features.end - features.begin, tile = tile_features(n_features);
    fetch.tiles = static_cast<int>((n_features + tile - 1) / tile);
    if (next < 0) next = rows.first + rows.count;
    const int64_t bytes = n_features * static_cast<int64_t>(sizeof(E));
    end = minimum(minimum(end, rows.count), X.n_samples - next);
    const bool in_order = one_run(X, rows) && n_features == X.n_features;
    if (in_order && by_single_output(X, rows, n_outputs)) {  // longer rows the hardware follows by itself
      fetch.ahead = X.n_features <= kNarrowFeatures ? kAheadBytes : 0;
      return fetch;
    }
    if (in_order && begin < end) {
      fetch.row[fetch.n_rows++] = reinterpret_cast<const char*>(row(X, next + begin));
      fetch.lines = static_cast<int>(((end - begin) * bytes + 63) / 64);
      return fetch;
    }
    for (int64_t r = begin; r < end; ++r) {
      fetch.row[fetch.n_rows++] =
          reinterpret_cast<const char*>(row(X, rows.order ? rows.order[next + r] : next + r) + features.begin);
    }
    fetch.lines = static_cast<int>((bytes + 63) / 64);
    return fetch;
  }

  // Whether rows of fewer features can be read up to feature `end`: what follows is the next row.
  [[gnu::noinline]] static bool can_read_on(const MatrixView& X, const Rows& rows, int64_t end) {
    if (X.row_stride != X.n_features * static_cast<int64_t>(sizeof(E))) return false;
    int64_t last = rows.first + rows.count - 1;
    if (rows.order) {
      for (int64_t r = last = 0; r < rows.count; ++r) last = maximum(last, row_index(rows, r));
    }
    return (X.n_samples - last) * X.n_features >= end;
  }

  // f(j, n, x) for features [j, j + n), tile by tile, in whole panels: x [rows.count] points to feature j of each row.
  // What is left of the last panel comes padded, with zeros or, if `any_padding` is good, with what follows in memory.
  template <class F>
  static void each_tile(const MatrixView& X, const Rows& rows, Features features, bool any_padding, F&& f) {
    const E* x[kRunRows + kMostBlockRows];
    const int64_t rest = (features.end - features.begin) % kPanel;
    int64_t whole = features.end - rest;
    if (rest > 0 && any_padding && can_read_on(X, rows, whole + kPanel)) features.end = whole += kPanel;
    const int64_t tile = tile_features(features.end - features.begin);
    for (int64_t j = features.begin; j < whole; j += tile) {
      row_pointers(X, rows, j, x);
      f(j, minimum(tile, whole - j), x);
    }
    if (whole == features.end) return;
    E last[kPairRows * kPanel];
    row_pointers(X, rows, whole, x);
    copy_rows(rows, features.end - whole, kPanel, x, last);
    f(whole, kPanel, x);
  }

  // S [tile][n_outputs][kTileRows] = X W' + b over some features for a tile of rows, or a run of them. W is packed, all
  // of it.
  template <class T>
  static void scores(const MatrixView& X, const Rows& rows, Features features, const T* W, const T* b,
                     int64_t n_outputs, T* S, const Scratch<T>& scratch) {
    if (by_single_output(X, rows, n_outputs) && features.end - features.begin == X.n_features) {
      single_output(X, rows, W, b[0], S, scratch);
    } else {
      each_tile_of_rows(rows, [&](const Rows& tile, int64_t t) {
        scores_of_tile(X, tile, features, W, b, n_outputs, S + t * (kTileRows * n_outputs), scratch);
      });
    }
  }

  template <class T>
  static void single_output(const MatrixView& X, const Rows& rows, const T* W, T b, T* S, const Scratch<T>& scratch) {
    constexpr int width = Simd<T>::width;
    const int64_t n_vectors = (X.n_features + width - 1) / width, padded = n_vectors * width;
    const E* x[kRunRows + kMostBlockRows];
    row_pointers(X, rows, 0, x);
    E copy[kRunRows * kNarrowFeatures];
    if (padded != X.n_features && !can_read_on(X, rows, padded)) {
      if (X.n_features > kNarrowFeatures) return scores_of_tile(X, rows, {0, X.n_features}, W, &b, 1, S, scratch);
      copy_rows(rows, X.n_features, padded, x, copy);
    }
    Fetch fetch = next_rows(X, rows, 1, {0, X.n_features}, scratch.next, 0, scratch.prefetched_rows);
    single_scores<E>(x, static_cast<int>(rows.count), W, b, n_vectors, static_cast<Vec<T>*>(scratch.accumulators), S,
                     fetch);
  }

  template <class T>
  static void scores_of_tile(const MatrixView& X, const Rows& rows, Features features, const T* W, const T* b,
                             int64_t n_outputs, T* S, const Scratch<T>& scratch) {
    auto* acc = static_cast<Vec<T>*>(scratch.accumulators);
    for (int64_t c = 0; c < n_outputs; c += kScoreOutputs) {
      const int count = static_cast<int>(minimum<int64_t>(kScoreOutputs, n_outputs - c));
      for (int i = 0; i < count; ++i)
        for (int64_t r = rows.count; r < round_up(kTileRows, Simd<T>::width); ++r)
          acc[i * kAccumulatorRows + r] = Vec<T>{};
      Fetch fetch = next_rows(X, rows, n_outputs, features, scratch.next, 0, c == 0 ? scratch.prefetched_rows : 0);
      // Weights are 0 in the padding, and a product with 0 is 0: but for NaN and infinity, which X may not hold.
      each_tile(X, rows, features, true, [&](int64_t j, int64_t n, const E* const* x) {
        if (c > 0) fetch = next_weights(W, n_outputs, X.n_features, c, j);
        score_tile(x, static_cast<int>(rows.count), scratch.staged, W + (j * n_outputs + c * kPanel), n_outputs,
                   n / kPanel, count, j == features.begin, acc, fetch);
      });
      finish_scores(acc, b + c, count, S + c * kTileRows);
    }
  }

  // The weights of the next tile of features, or of the next outputs, where W does not stay in the L2: at 50 000 x 768
  // and 1000 outputs its panels lie 64 kB apart.
  template <class T>
  static Fetch next_weights(const T* W, int64_t n_outputs, int64_t n_features, int64_t c, int64_t j) {
    Fetch fetch;
    if (n_outputs * n_features * static_cast<int64_t>(sizeof(T)) < kKeptWeights) return fetch;
    const int64_t tile = tile_features(n_features);
    j += tile;
    if (j >= n_features) j = 0, c += kScoreOutputs;
    const int64_t count = minimum<int64_t>(kScoreOutputs, n_outputs - c);
    for (int64_t p = j; count > 0 && p < minimum(j + tile, n_features); p += kPanel)
      fetch.row[fetch.n_rows++] = reinterpret_cast<const char*>(W + p * n_outputs + c * kPanel);
    fetch.lines = static_cast<int>(count * kPanel * static_cast<int64_t>(sizeof(T)) / 64);
    return fetch;
  }

  // dW (features only, packed from features.begin on) += dS' X for a tile of rows, or a run of them. `fused`: the
  // scores of these rows have just been worked out, and those of the rows at scratch.next come next; else the rows that
  // follow do. Then, dW may hold anything in the padding.
  template <class T>
  static void gradient(const MatrixView& X, const Rows& rows, Features features, const T* dS, int64_t n_outputs, T* dW,
                       const Scratch<T>& scratch, bool fused) {
    if (rows.count <= kPairRows && X.n_features > kNarrowFeatures)
      return gradient_of_tile(X, rows, features, dS, n_outputs, dW, scratch, fused);
    each_tile_of_rows(rows, [&](const Rows& tile, int64_t t) {
      gradient_of_tile(X, tile, features, dS + t * (kTileRows * n_outputs), n_outputs, dW, scratch, fused);
    });
  }

  template <class T>
  static void gradient_of_tile(const MatrixView& X, const Rows& rows, Features features, const T* dS, int64_t n_outputs,
                               T* dW, const Scratch<T>& scratch, bool fused) {
    Fetch fetch = fused ? next_rows(X, rows, n_outputs, features, scratch.next, scratch.prefetched_rows, kRunRows)
                        : next_rows(X, rows, n_outputs, features, -1, 0, kRunRows);
    each_tile(X, rows, features, fused, [&](int64_t j, int64_t n, const E* const* x) {
      gradient_tile(x, static_cast<int>(rows.count), n, scratch.staged, dS, n_outputs,
                    dW + (j - features.begin) * n_outputs, fetch);
    });
  }

  static double as_double(E x) {
    if constexpr (same<E, Half>) {
      return static_cast<double>(widen(x));
    } else {
      return static_cast<double>(x);
    }
  }

  // f(j, value as double) for the entries of row i among the features.
  template <class F>
  static void each(const MatrixView& X, int64_t i, Features features, double*, F&& f) {
    const E* x = row(X, i);
    for (int64_t j = features.begin; j < features.end; ++j) f(j, as_double(x[j]));
  }

  template <class F>
  static void each_stored(const MatrixView& X, int64_t i, F&& f) {
    each(X, i, {0, X.n_features}, nullptr, f);
  }
};

}  // namespace
}  // namespace softmargin
