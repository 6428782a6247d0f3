// Dense rows of float32, float64, float16 or uint8: read in place where the element is W's type, else converted tile by
// tile.
//
// A tile of converted rows is written to `staged` and read from L1 by the kernels. Where a whole row fits into
// `staged`, the gradient kernel finds there what the score kernel has converted.
#pragma once

#include "../kernels/gradient.h"
#include "../kernels/scores.h"
#include "../math.h"
#include "../packed.h"
#include "half.h"

namespace softmargin {
namespace {

// Rows this far apart (or a multiple of it) put the same feature into the same set of an L1, which holds 8 to 12 of
// them: read in place, the gradient kernel takes twice as long.
inline constexpr int64_t kPage = 4096;

template <class A, class B>
inline constexpr bool same = false;
template <class A>
inline constexpr bool same<A, A> = true;

template <class E, class T>
inline void convert(const E* in, int64_t n, T* out) {
  if constexpr (same<E, Half>) {
    widen_row(in, n, out);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(in[i]);
  }
}

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

  // x [rows.count]: pointers to features [j, j + n) of each row as T, zeros up to a whole panel. `staged`: the score
  // kernel has just converted these rows. `column`: the caller goes down the rows feature by feature.
  template <class T>
  static void read(const MatrixView& X, const Rows& rows, int64_t j, int64_t n, const Scratch<T>& scratch, bool staged,
                   bool column, const T** x) {
    const int64_t n_rows = rows.count;
    if constexpr (same<E, T>) {
      if (n % kPanel == 0 && !(column && X.row_stride % kPage == 0)) {
        for (int64_t r = 0; r < n_rows; ++r) x[r] = row(X, row_index(rows, r)) + j;
        return;
      }
    }
    // Rows of W's own type are copied a tile at a time, so that the copies never leave L1.
    const bool whole = !same<E, T> && scratch.staged_features >= X.n_features;
    T* base = scratch.staged + (whole ? j : 0);
    const int64_t stride = whole ? scratch.staged_stride : kFeatureTile + kPanel;
    for (int64_t r = 0; r < n_rows; ++r) {
      T* out = base + r * stride;
      x[r] = out;
      if (staged && whole) continue;
      convert(row(X, row_index(rows, r)) + j, n, out);
      for (int64_t i = n; i % kPanel != 0; ++i) out[i] = T(0);
    }
  }

  // S [n_outputs][kTileRows] = X W' + b for up to kTileRows rows.
  template <class T>
  static void scores(const MatrixView& X, const Rows& rows, const T* W, const T* b, int64_t n_outputs, T* S,
                     const Scratch<T>& scratch) {
    auto* acc = static_cast<Vec<T>*>(scratch.accumulators);
    const int64_t d = X.n_features;
    const T* x[kTileRows];
    for (int64_t c = 0; c < n_outputs; c += kScoreOutputs) {
      const int count = static_cast<int>(minimum<int64_t>(kScoreOutputs, n_outputs - c));
      for (int i = 0; i < count * kAccumulatorRows; ++i) acc[i] = Vec<T>{};
      for (int64_t j = 0; j < d; j += kFeatureTile) {
        const int64_t n = minimum<int64_t>(kFeatureTile, d - j);
        Fetch fetch = next_rows(X, rows, j, 0, c == 0 ? scratch.prefetched_rows : 0);
        read(X, rows, j, n, scratch, c > 0, false, x);
        score_tile(x, static_cast<int>(rows.count), W + (j * n_outputs + c * kPanel), n_outputs,
                   (n + kPanel - 1) / kPanel, count, acc, fetch);
      }
      finish_scores(acc, b + c, count, S + c * kTileRows);
    }
  }

  // dW (features only, packed from features.begin on) += dS' X for up to kTileRows rows.
  template <class T>
  static void gradient(const MatrixView& X, const Rows& rows, Features features, const T* dS, int64_t n_outputs, T* dW,
                       const Scratch<T>& scratch, bool staged) {
    const T* x[kTileRows];
    for (int64_t j = features.begin; j < features.end; j += kFeatureTile) {
      const int64_t n = minimum<int64_t>(kFeatureTile, features.end - j);
      Fetch fetch = next_rows(X, rows, j, scratch.prefetched_rows, staged ? kTileRows : 0);
      read(X, rows, j, n, scratch, staged, true, x);
      gradient_tile(x, static_cast<int>(rows.count), round_up(n, kPanel), dS, n_outputs,
                    dW + (j - features.begin) * n_outputs, fetch);
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
