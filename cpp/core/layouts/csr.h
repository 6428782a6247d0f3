// Compressed sparse rows: W packed feature by feature, so that an entry touches the weights of all outputs at once.
//
// Indices were checked when the matrix was built. A range of features is found by binary search in each row; in a
// matrix with unsorted or repeated indices every entry is looked at, in order.
#pragma once

#include "dense.h"

namespace softmargin {
namespace {

// The numbers of k outputs that lie side by side, as one vector, which GCC does not always make of a loop over them. Of
// three, the fourth lane stays out of memory.
template <class T, int k>
struct Few {
  typedef T type[[gnu::vector_size((k == 3 ? 4 : k) * sizeof(T))]];
};
template <class T>
struct Few<T, 1> {
  using type = T;
};

// By reference: vectors wider than the level's are no return values.
template <int k, class T, class Lanes>
[[gnu::always_inline]] inline void get(const T* p, Lanes& v) {
  v = Lanes{};
  __builtin_memcpy(&v, p, k * sizeof(T));
}

template <int k, class T, class Lanes>
[[gnu::always_inline]] inline void put(const Lanes& v, T* p) {
  __builtin_memcpy(p, &v, k * sizeof(T));
}

// sum += v, in the type of sum.
template <int k, class Sum, class Lanes>
[[gnu::always_inline]] inline void add(const Lanes& v, Sum& sum) {
  if constexpr (k == 1) {
    sum += static_cast<Sum>(v);
  } else {
    sum += __builtin_convertvector(v, Sum);
  }
}

template <class V, class I>
struct Csr {
  static constexpr int width = 1;
  static constexpr int element_bytes = sizeof(V);

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

  // How many entries ahead of the one at work the weights of W are asked for, 0: not at all. Where they do not fit into
  // the L2, an entry waits longer for them than the processor looks ahead by itself (7 million entries of four outputs,
  // one thread: 29 ms without, 20 with 32; of one output it is 5 % more work).
  static int64_t entries_ahead(const MatrixView& X, const Rows& rows, int64_t n_outputs) {
    constexpr int64_t ahead = 32, most_kept = int64_t{1} << 18;
    if (rows.order || X.n_features * n_outputs < most_kept) return 0;
    return entry(X, rows.first + rows.count) + ahead <= entry(X, X.n_samples) ? ahead : 0;
  }

  // f(feature, value) for the entries p to stop - 1 of a row, and `ahead` before an entry is due a call for its
  // weights: those of all outputs of feature `first` are at w. k == 0: even if that is at once, as many outputs take
  // their time.
  template <int k, class A, class F>
  [[gnu::always_inline]] static void each_ahead(const Entries& e, int64_t p, int64_t stop, int64_t ahead, const A* w,
                                                int64_t first, int64_t outputs, F&& f) {
    if (k == 0 || ahead > 0) {
      for (; p < stop; ++p) {
        __builtin_prefetch(w + (static_cast<int64_t>(e.indices[p + ahead]) - first) * outputs, 0, 2);
        f(static_cast<int64_t>(e.indices[p]), e.values[p]);
      }
      return;
    }
    for (; p < stop; ++p) f(static_cast<int64_t>(e.indices[p]), e.values[p]);
  }

  // sum [k] = one row against k outputs; k == 0: n_outputs is not known at compile time.
  template <int k, class T>
  static void score_row(const Entries& e, const T* W, int64_t n_outputs, int64_t ahead, T* sum) {
    if constexpr (k > 0) {
      typename Few<T, k>::type total{};
      each_ahead<k>(e, 0, e.count, ahead, W, 0, k, [&](int64_t j, V x) {
        typename Few<T, k>::type w;
        get<k>(W + j * k, w);
        total += static_cast<T>(x) * w;
      });
      put<k>(total, sum);
    } else {
      for (int64_t c = 0; c < n_outputs; ++c) sum[c] = T(0);
      each_ahead<0>(e, 0, e.count, ahead, W, 0, n_outputs, [&](int64_t j, V x) {
        const T value = static_cast<T>(x);
        const T* w = W + j * n_outputs;
#pragma omp simd
        for (int64_t c = 0; c < n_outputs; ++c) sum[c] += value * w[c];
      });
    }
  }

  // S [tile][n_outputs][kTileRows] of a tile or a run of them, of all features.
  template <class T>
  static void scores(const MatrixView& X, const Rows& rows, Features, const T* W, const T* b, int64_t n_outputs, T* S,
                     const Scratch<T>& scratch) {
    T* sum = static_cast<T*>(scratch.accumulators);
    const int64_t ahead = entries_ahead(X, rows, n_outputs);
    for (int64_t t = 0; t < rows.count; t += kTileRows, S += kTileRows * n_outputs) {
      for (int64_t i = 0; i < kTileRows * n_outputs; ++i) S[i] = T(0);
      for (int64_t r = 0; r < minimum<int64_t>(kTileRows, rows.count - t); ++r) {
        const Entries e = row(X, row_index(rows, t + r));
        by_outputs(n_outputs, [&]<int k>() { score_row<k>(e, W, n_outputs, ahead, sum); });
        for (int64_t c = 0; c < n_outputs; ++c) S[c * kTileRows + r] = sum[c] + b[c];
      }
    }
  }

  // dW (features only, from features.begin on) += dS' X of a tile or a run of them, in A: T in a minibatch, double
  // where many rows are summed.
  template <class A, class T>
  static void gradient(const MatrixView& X, const Rows& rows, Features features, const T* dS, int64_t n_outputs, A* dW,
                       const Scratch<T>& scratch, bool) {
    T* room = static_cast<T*>(scratch.accumulators);
    const bool all = features.begin == 0 && features.end >= X.n_features;
    if (!all && !X.sorted) return gradient_of_unsorted(X, rows, features, dS, n_outputs, dW, room);
    by_outputs(n_outputs, [&]<int k>() { gradient_rows<k>(X, rows, features, all, dS, n_outputs, dW, room); });
  }

  // d [n_outputs] = dS of row r of a tile or a run.
  template <class T>
  static void derivatives_of_row(const T* dS, int64_t n_outputs, int64_t r, T* d) {
    dS += r / kTileRows * (kTileRows * n_outputs) + r % kTileRows;
    for (int64_t c = 0; c < n_outputs; ++c) d[c] = dS[c * kTileRows];
  }

  // Rare, so kept small.
  template <class A, class T>
  [[gnu::cold, gnu::noinline]] static void gradient_of_unsorted(const MatrixView& X, const Rows& rows,
                                                                Features features, const T* dS, int64_t n_outputs,
                                                                A* dW, T* d) {
    for (int64_t r = 0; r < rows.count; ++r) {
      derivatives_of_row(dS, n_outputs, r, d);
      entries(X, row_index(rows, r), features, [&](int64_t j, V x) {
        A* g = dW + (j - features.begin) * n_outputs;
        for (int64_t c = 0; c < n_outputs; ++c) g[c] += static_cast<A>(static_cast<T>(x) * d[c]);
      });
    }
  }

  template <int k, class A, class T>
  static void gradient_rows(const MatrixView& X, const Rows& rows, Features features, bool all, const T* dS,
                            int64_t n_outputs, A* dW, T* d) {
    const int64_t ahead = entries_ahead(X, rows, n_outputs), first = features.begin;
    for (int64_t r = 0; r < rows.count; ++r) {
      derivatives_of_row(dS, k ? k : n_outputs, r, d);
      const Entries e = row(X, row_index(rows, r));
      const int64_t p = all ? 0 : first_at_least(e, first), stop = all ? e.count : first_at_least(e, features.end);
      if constexpr (k > 0) {
        typename Few<T, k>::type derivatives;
        get<k>(d, derivatives);
        each_ahead<k>(e, p, stop, ahead, dW, first, k, [&](int64_t j, V x) {
          typename Few<A, k>::type g;
          get<k>(dW + (j - first) * k, g);
          add<k>(static_cast<T>(x) * derivatives, g);
          put<k>(g, dW + (j - first) * k);
        });
      } else {
        each_ahead<0>(e, p, stop, ahead, dW, first, n_outputs, [&](int64_t j, V x) {
          A* g = dW + (j - first) * n_outputs;
          const T value = static_cast<T>(x);
#pragma omp simd
          for (int64_t c = 0; c < n_outputs; ++c) g[c] += static_cast<A>(value * d[c]);
        });
      }
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
