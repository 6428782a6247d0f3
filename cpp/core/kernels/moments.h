// The moments kernel: weighted sums of a run of features over rows, shifted, in double, with smallest and largest
// value.
#pragma once

#include "../layouts/dense.h"

namespace softmargin {

// Each array holds one entry per feature, from features.begin on. `shift` is the first row: sums of x - shift neither
// cancel nor overflow where the mean is large beside the deviation.
struct Moments {
  const double* shift;
  double* sum;     // sum_i w_i (x_i - shift)
  double* square;  // sum_i w_i (x_i - shift)^2
  double* smallest;
  double* largest;
  double* weight;  // sum of w_i over the stored entries; null for dense layouts
  double* room;    // [n][2] zeros, which adding up the repeated indices of unsorted rows takes and leaves
};

namespace {

// Rows that are added at once, so that the sums are loaded and stored once for all of them.
inline constexpr int kMomentRows = 4;

// One run of at most kChunk features, whose sums stay in L1, over all rows. Of 3.0 ns an entry of uint8 (AVX2), 0.9 are
// left.
template <class Layout>
void add_dense_moments(const MatrixView& X, const Rows& rows, Features features, int64_t j, const double* sample_weight,
                       const Moments& m) {
  const int64_t first = j - features.begin;
  const int n = static_cast<int>(minimum<int64_t>(kChunk, features.end - j));
  alignas(64) double shift[kChunk], sum[kChunk], square[kChunk], smallest[kChunk], largest[kChunk];
  for (int f = 0; f < n; ++f) {
    shift[f] = m.shift[first + f], sum[f] = m.sum[first + f], square[f] = m.square[first + f];
    smallest[f] = m.smallest[first + f], largest[f] = m.largest[first + f];
  }
  const auto add = [&]<int count>(const auto* const* x, const double* w) __attribute__((always_inline)) {
#pragma omp simd
    for (int f = 0; f < n; ++f) {
      double s = sum[f], q = square[f], low = smallest[f], high = largest[f];
#pragma GCC unroll 4
      for (int r = 0; r < count; ++r) {
        const double value = Layout::as_double(x[r][f]), offset = value - shift[f], weighted = w[r] * offset;
        s += weighted, q += weighted * offset;
        low = value < low ? value : low, high = value > high ? value : high;
      }
      sum[f] = s, square[f] = q, smallest[f] = low, largest[f] = high;
    }
  };
  decltype(Layout::row(X, 0)) x[kMomentRows];
  double w[kMomentRows];
  int waiting = 0;
  for (int64_t r = 0; r < rows.count; ++r) {
    const int64_t i = row_index(rows, r);
    w[waiting] = sample_weight ? sample_weight[i] : 1;
    if (w[waiting] == 0) continue;
    x[waiting] = Layout::row(X, i) + j;
    if (++waiting < kMomentRows) continue;
    add.template operator()<kMomentRows>(x, w);
    waiting = 0;
  }
  for (int r = 0; r < waiting; ++r) add.template operator()<1>(x + r, w + r);
  for (int f = 0; f < n; ++f) {
    m.sum[first + f] = sum[f], m.square[first + f] = square[f];
    m.smallest[first + f] = smallest[f], m.largest[first + f] = largest[f];
  }
}

template <class Layout>
void add_moments(const MatrixView& X, const Rows& rows, Features features, const double* sample_weight,
                 const Moments& m) {
  if constexpr (Layout::width > 1) {
    for (int64_t j = features.begin; j < features.end; j += kChunk) {
      add_dense_moments<Layout>(X, rows, features, j, sample_weight, m);
    }
  } else {
    for (int64_t r = 0; r < rows.count; ++r) {
      const int64_t i = row_index(rows, r);
      const double w = sample_weight ? sample_weight[i] : 1;
      if (w == 0) continue;
      Layout::each(X, i, features, m.room, [&](int64_t j, double x) __attribute__((always_inline)) {
        const int64_t f = j - features.begin;
        const double offset = x - m.shift[f];
        m.sum[f] += w * offset;
        m.square[f] += w * offset * offset;
        m.smallest[f] = x < m.smallest[f] ? x : m.smallest[f];
        m.largest[f] = x > m.largest[f] ? x : m.largest[f];
        m.weight[f] += w;
      });
    }
  }
}

}  // namespace
}  // namespace softmargin
