// Compressed sparse rows: W packed feature by feature, so that an entry touches the weights of all outputs at once.
//
// Indices were checked when the matrix was built. A range of features is found by binary search in each row; in a
// matrix with unsorted or repeated indices every entry is looked at, in order.
#pragma once

#include "dense.h"

namespace softmargin {
namespace {

template <class V, class I>
struct Csr {
  static constexpr int width = 1;

  static int64_t entry(const MatrixView& X, int64_t i) { return X.indptr32 ? X.indptr32[i] : X.indptr64[i]; }

  struct Entries {
    const V* values;
    const I* indices;
    int64_t count;
  };

  static Entries row(const MatrixView& X, int64_t i) {
    const int64_t begin = entry(X, i);
    return {static_cast<const V*>(X.data) + begin, static_cast<const I*>(X.indices) + begin, entry(X, i + 1) - begin};
  }

  static int64_t first_at_least(const Entries& e, int64_t j) {
    int64_t low = 0, high = e.count;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (static_cast<int64_t>(e.indices[middle]) < j) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // f(feature, value) for the entries of a row among the features.
  template <class F>
  [[gnu::always_inline]] static void entries(const MatrixView& X, int64_t i, Features features, F&& f) {
    const Entries e = row(X, i);
    const bool all = features.begin == 0 && features.end >= X.n_features;
    if (all || !X.sorted) {
      for (int64_t p = 0; p < e.count; ++p) {
        const int64_t j = static_cast<int64_t>(e.indices[p]);
        if (all || (j >= features.begin && j < features.end)) f(j, e.values[p]);
      }
      return;
    }
    int64_t p = first_at_least(e, features.begin);
    for (; p < e.count; ++p) {
      const int64_t j = static_cast<int64_t>(e.indices[p]);
      if (j >= features.end) break;
      f(j, e.values[p]);
    }
  }

  // f<k>() with the number of outputs as a constant, 0 for many: an entry of one to four outputs takes less time than a
  // loop over them does (7.7 million entries of one output: 22 ms a gradient with the loop, 12 without).
  template <class F>
  [[gnu::always_inline]] static void by_outputs(int64_t n_outputs, F&& f) {
    switch (n_outputs) {
      case 1:
        return f.template operator()<1>();
      case 2:
        return f.template operator()<2>();
      case 3:
        return f.template operator()<3>();
      case 4:
        return f.template operator()<4>();
      default:
        return f.template operator()<0>();
    }
  }

  // One row against k outputs; k == 0: n_outputs is not known at compile time and `sum` lies in memory.
  template <int k, class T>
  static void score_row(const Entries& e, const T* W, int64_t n_outputs, T* sum) {
    const int64_t outputs = k ? k : n_outputs;
    T local[k ? k : 1];
    T* s = k ? local : sum;
    for (int64_t c = 0; c < outputs; ++c) s[c] = T(0);
    for (int64_t p = 0; p < e.count; ++p) {
      const T value = static_cast<T>(e.values[p]);
      const T* w = W + static_cast<int64_t>(e.indices[p]) * outputs;
#pragma omp simd
      for (int64_t c = 0; c < outputs; ++c) s[c] += value * w[c];
    }
    if (k) {
      for (int64_t c = 0; c < outputs; ++c) sum[c] = s[c];
    }
  }

  template <class T>
  static void scores(const MatrixView& X, const Rows& rows, const T* W, const T* b, int64_t n_outputs, T* S,
                     const Scratch<T>& scratch) {
    T* sum = static_cast<T*>(scratch.accumulators);
    for (int64_t i = 0; i < kTileRows * n_outputs; ++i) S[i] = T(0);
    for (int64_t r = 0; r < rows.count; ++r) {
      const Entries e = row(X, row_index(rows, r));
      by_outputs(n_outputs, [&]<int k>() { score_row<k>(e, W, n_outputs, sum); });
      for (int64_t c = 0; c < n_outputs; ++c) S[c * kTileRows + r] = sum[c] + b[c];
    }
  }

  // dW (features only, from features.begin on) += dS' X, in A: T in a minibatch, double where many rows are summed.
  template <class A, class T>
  static void gradient(const MatrixView& X, const Rows& rows, Features features, const T* dS, int64_t n_outputs, A* dW,
                       const Scratch<T>& scratch, bool) {
    T* room = static_cast<T*>(scratch.accumulators);
    by_outputs(n_outputs, [&]<int k>() { gradient_rows<k>(X, rows, features, dS, n_outputs, dW, room); });
  }

  template <int k, class A, class T>
  static void gradient_rows(const MatrixView& X, const Rows& rows, Features features, const T* dS, int64_t n_outputs,
                            A* dW, T* room) {
    const int64_t outputs = k ? k : n_outputs;
    T local[k ? k : 1];
    T* d = k ? local : room;
    for (int64_t r = 0; r < rows.count; ++r) {
      for (int64_t c = 0; c < outputs; ++c) d[c] = dS[c * kTileRows + r];
      entries(X, row_index(rows, r), features, [&](int64_t j, V x) {
        A* g = dW + (j - features.begin) * outputs;
        const T value = static_cast<T>(x);
#pragma omp simd
        for (int64_t c = 0; c < outputs; ++c) g[c] += static_cast<A>(value * d[c]);
      });
    }
  }

  // f(feature, value as double) for the entries of row i among the features; repeated indices are one entry, their sum.
  // room [features][2]: zeros, for unsorted matrices only.
  template <class F>
  static void each(const MatrixView& X, int64_t i, Features features, double* room, F&& f) {
    if (X.sorted) {
      entries(X, i, features, [&](int64_t j, V value) { f(j, static_cast<double>(value)); });
      return;
    }
    entries(X, i, features, [&](int64_t j, V value) {
      room[2 * (j - features.begin)] += static_cast<double>(value);
      room[2 * (j - features.begin) + 1] = 1;
    });
    entries(X, i, features, [&](int64_t j, V) {
      double* sum = room + 2 * (j - features.begin);
      if (sum[1] == 0) return;
      f(j, sum[0]);
      sum[0] = sum[1] = 0;
    });
  }

  // f(feature, value as double) for the entries of row i as they are stored.
  template <class F>
  static void each_stored(const MatrixView& X, int64_t i, F&& f) {
    entries(X, i, {0, X.n_features}, [&](int64_t j, V value) { f(j, static_cast<double>(value)); });
  }
};

}  // namespace
}  // namespace softmargin
