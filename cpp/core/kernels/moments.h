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

template <class Layout>
void add_moments(const MatrixView& X, const Rows& rows, Features features, const double* sample_weight,
                 const Moments& m) {
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
      if constexpr (Layout::width == 1) m.weight[f] += w;
    });
  }
}

}  // namespace
}  // namespace softmargin
