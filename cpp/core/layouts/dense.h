// Dense rows of float32, float64, float16 or uint8, read in place by the kernels, which convert them in registers. Only
// rows that would meet in the L1 are copied first, tile by tile.
#pragma once

#include "../kernels/gradient.h"
#include "../kernels/scores.h"
#include "../math.h"
#include "../packed.h"
#include "element.h"

namespace softmargin {
namespace {

// Rows this far apart (or a multiple of it) put the same feature into the same set of an L1, which holds 8 to 12 of
// them: read in place, the gradient kernel takes twice as long.
inline constexpr int64_t kPage = 4096;

inline int64_t row_index(const Rows& rows, int64_t i) {
  return rows.order ? rows.order[rows.first + i] : rows.first + i;
}

template <class E>
struct Dense {
  static constexpr int width = kPanel;

  static const E* row(const MatrixView& X, int64_t i) {
    return reinterpret_cast<const E*>(static_cast<const char*>(X.data) + i * X.row_stride);
  }

  // Features [j, j + kFeatureTile) of the rows that follow, the ones from `begin` to `end` of their tile: two dozen
  // rows are more streams than the hardware prefetcher follows, and it stops at the end of a page.
  static Fetch next_rows(const MatrixView& X, const Rows& rows, int64_t j, int64_t begin, int64_t end) {
    Fetch fetch;
    const int64_t next = rows.first + rows.count;
    const int64_t bytes = (minimum<int64_t>(j + kFeatureTile, X.n_features) - j) * static_cast<int64_t>(sizeof(E));
    end = minimum(minimum(end, rows.count), X.n_samples - next);
    for (int64_t r = begin; r < end; ++r) {
      fetch.row[fetch.n_rows++] =
          reinterpret_cast<const char*>(row(X, rows.order ? rows.order[next + r] : next + r) + j);
    }
    fetch.lines = static_cast<int>((bytes + 63) / 64);
    return fetch;
  }

  // f(j, n, x) for features [j, j + n), tile by tile, in whole panels: x [rows.count] points to feature j of each row.
  // What is left of the last panel comes padded with zeros.
  template <class F>
  static void each_tile(const MatrixView& X, const Rows& rows, Features features, F&& f) {
    const E* x[kTileRows];
    const int64_t whole = features.end - (features.end - features.begin) % kPanel;
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
    auto* acc = static_cast<Vec<T>*>(scratch.accumulators);
    for (int64_t c = 0; c < n_outputs; c += kScoreOutputs) {
      const int count = static_cast<int>(minimum<int64_t>(kScoreOutputs, n_outputs - c));
      for (int i = 0; i < count * kAccumulatorRows; ++i) acc[i] = Vec<T>{};
      each_tile(X, rows, {0, X.n_features}, [&](int64_t j, int64_t n, const E* const* x) {
        Fetch fetch = next_rows(X, rows, j, 0, c == 0 ? scratch.prefetched_rows : 0);
        score_tile(x, static_cast<int>(rows.count), scratch.staged, W + (j * n_outputs + c * kPanel), n_outputs,
                   n / kPanel, count, acc, fetch);
      });
      finish_scores(acc, b + c, count, S + c * kTileRows);
    }
  }

  // dW (features only, packed from features.begin on) += dS' X for up to kTileRows rows. `fused`: the scores of these
  // rows have just been worked out, and the rows that follow are next.
  template <class T>
  static void gradient(const MatrixView& X, const Rows& rows, Features features, const T* dS, int64_t n_outputs, T* dW,
                       const Scratch<T>& scratch, bool fused) {
    each_tile(X, rows, features, [&](int64_t j, int64_t n, const E** x) {
      Fetch fetch = next_rows(X, rows, j, scratch.prefetched_rows, fused ? kTileRows : 0);
      if constexpr (same<E, T>) {
        if (X.row_stride % kPage == 0) copy_apart(rows.count, n, scratch.staged, x);
      }
      gradient_tile(x, static_cast<int>(rows.count), n, scratch.staged, dS, n_outputs,
                    dW + (j - features.begin) * n_outputs, fetch);
    });
  }

  // x [n_rows] -> copies of the n elements there, no two of them in the same set of an L1.
  static void copy_apart(int64_t n_rows, int64_t n, E* staged, const E** x) {
    for (int64_t r = 0; r < n_rows; ++r) {
      E* out = staged + r * kStagedStride;
      for (int64_t i = 0; i < n; ++i) out[i] = x[r][i];
      x[r] = out;
    }
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
