// Dense rows of float32, float64, float16 or uint8, read in place by the kernels, which convert them in registers.
#pragma once

#include "../kernels/gradient.h"
#include "../kernels/scores.h"
#include "../math.h"
#include "../packed.h"
#include "element.h"

namespace softmargin {
namespace {

// W of more bytes than this is fetched ahead: half of a small L2.
inline constexpr int64_t kKeptWeights = int64_t{256} << 10;

inline int64_t row_index(const Rows& rows, int64_t i) {
  return rows.order ? rows.order[rows.first + i] : rows.first + i;
}

template <class E>
struct Dense {
  static constexpr int width = kPanel;

  static const E* row(const MatrixView& X, int64_t i) {
    return reinterpret_cast<const E*>(static_cast<const char*>(X.data) + i * X.row_stride);
  }

  // The features of the rows `begin` to `end` of the tile that begins at `next` (-1: behind these rows), row after row,
  // as they lie in memory: two dozen rows at a time are more streams than the hardware prefetcher follows, and it stops
  // at the end of a page.
  static Fetch next_rows(const MatrixView& X, const Rows& rows, Features features, int64_t next, int64_t begin,
                         int64_t end) {
    Fetch fetch;
    fetch.tiles = static_cast<int>((features.end - features.begin + kFeatureTile - 1) / kFeatureTile);
    if (next < 0) next = rows.first + rows.count;
    const int64_t bytes = (features.end - features.begin) * static_cast<int64_t>(sizeof(E));
    end = minimum(minimum(end, rows.count), X.n_samples - next);
    if (!rows.order && X.row_stride == bytes && begin < end) {  // one run of memory
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

  // Whether a whole panel can be read from feature j on where the rows have fewer left: what follows is the next row.
  static bool can_read_on(const MatrixView& X, const Rows& rows, int64_t j) {
    if (X.row_stride != X.n_features * static_cast<int64_t>(sizeof(E))) return false;
    int64_t last = rows.first + rows.count - 1;
    if (rows.order) {
      for (int64_t r = last = 0; r < rows.count; ++r) last = maximum(last, row_index(rows, r));
    }
    return (X.n_samples - last) * X.n_features >= j + kPanel;
  }

  // f(j, n, x) for features [j, j + n), tile by tile, in whole panels: x [rows.count] points to feature j of each row.
  // What is left of the last panel comes padded, with zeros or, if `any_padding` is good, with what follows in memory.
  template <class F>
  static void each_tile(const MatrixView& X, const Rows& rows, Features features, bool any_padding, F&& f) {
    const E* x[kTileRows];
    const int64_t rest = (features.end - features.begin) % kPanel;
    int64_t whole = features.end - rest;
    if (rest > 0 && any_padding && can_read_on(X, rows, whole)) features.end = whole += kPanel;
    for (int64_t j = features.begin; j < whole; j += kFeatureTile) {
      for (int64_t r = 0; r < rows.count; ++r) x[r] = row(X, row_index(rows, r)) + j;
      f(j, minimum<int64_t>(kFeatureTile, whole - j), x);
    }
    if (whole == features.end) return;
    E last[kTileRows][kPanel] = {};
    for (int64_t r = 0; r < rows.count; ++r) {
      const E* in = row(X, row_index(rows, r)) + whole;
      for (int64_t i = 0; i < features.end - whole; ++i) last[r][i] = in[i];
      x[r] = last[r];
    }
    f(whole, kPanel, x);
  }

  // S [n_outputs][kTileRows] = X W' + b for up to kTileRows rows.
  template <class T>
  static void scores(const MatrixView& X, const Rows& rows, const T* W, const T* b, int64_t n_outputs, T* S,
                     const Scratch<T>& scratch) {
    const Features all{0, X.n_features};
    auto* acc = static_cast<Vec<T>*>(scratch.accumulators);
    for (int64_t c = 0; c < n_outputs; c += kScoreOutputs) {
      const int count = static_cast<int>(minimum<int64_t>(kScoreOutputs, n_outputs - c));
      for (int i = 0; i < count * kAccumulatorRows; ++i) acc[i] = Vec<T>{};
      Fetch fetch = next_rows(X, rows, all, scratch.next, 0, c == 0 ? scratch.prefetched_rows : 0);
      // Weights are 0 in the padding, and a product with 0 is 0: but for NaN and infinity, which X may not hold.
      each_tile(X, rows, all, true, [&](int64_t j, int64_t n, const E* const* x) {
        if (c > 0) fetch = next_weights(W, n_outputs, X.n_features, c, j);
        score_tile(x, static_cast<int>(rows.count), scratch.staged, W + (j * n_outputs + c * kPanel), n_outputs,
                   n / kPanel, count, acc, fetch);
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
    j += kFeatureTile;
    if (j >= n_features) j = 0, c += kScoreOutputs;
    const int64_t count = minimum<int64_t>(kScoreOutputs, n_outputs - c);
    for (int64_t p = j; count > 0 && p < minimum(j + kFeatureTile, n_features); p += kPanel)
      fetch.row[fetch.n_rows++] = reinterpret_cast<const char*>(W + p * n_outputs + c * kPanel);
    fetch.lines = static_cast<int>(count * kPanel * static_cast<int64_t>(sizeof(T)) / 64);
    return fetch;
  }

  // dW (features only, packed from features.begin on) += dS' X for up to kTileRows rows. `fused`: the scores of these
  // rows have just been worked out, and the rows that follow are next; else the same features of those are. Then, dW
  // may hold anything in the padding.
  template <class T>
  static void gradient(const MatrixView& X, const Rows& rows, Features features, const T* dS, int64_t n_outputs, T* dW,
                       const Scratch<T>& scratch, bool fused) {
    Fetch fetch = fused ? next_rows(X, rows, {0, X.n_features}, scratch.next, scratch.prefetched_rows, kTileRows)
                        : next_rows(X, rows, features, -1, 0, kTileRows);
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
