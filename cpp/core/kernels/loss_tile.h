// The loss kernel: the scores of a tile become loss and dS, weighted, with the sums that the intercept needs.
#pragma once

#include "../layouts/dense.h"
#include "../losses/registry.h"

namespace softmargin {

// What a loss needs to know of the data set; the same for every tile.
template <class T>
struct LossData {
  TargetView<T> y;
  const double* sample_weight;  // [n_samples], or null for ones
  const T* positive_weight;     // [n_outputs], or null for ones
  LossParameters parameters;
};

namespace {

// values [n_outputs][kTileRows] of the rows; padding repeats +1, which keeps every loss finite.
template <class T>
void gather_targets(const Rows& rows, const LossData<T>& data, int64_t n_outputs, T* values) {
  for (int64_t r = 0; r < kTileRows; ++r) {
    if (r >= rows.count) {
      for (int64_t c = 0; c < n_outputs; ++c) values[c * kTileRows + r] = T(1);
    } else if (data.y.labels) {
      const int64_t label = data.y.labels[row_index(rows, r)];
      for (int64_t c = 0; c < n_outputs; ++c) values[c * kTileRows + r] = c == label ? T(1) : T(-1);
    } else {
      const T* y = data.y.values + row_index(rows, r) * n_outputs;
      for (int64_t c = 0; c < n_outputs; ++c) values[c * kTileRows + r] = y[c];
    }
  }
}

// S [n_outputs][kTileRows]: scores in, weighted dS out (0 in the lanes past the last row). loss += sum of the weighted
// losses, db [n_outputs] += sum of dS. False, with S as it was, if a score is not finite. `targets`: room for a tile.
template <class T, class Loss>
bool loss_tile(const Rows& rows, const LossData<T>& data, int64_t n_outputs, T* S, T* targets, double* loss,
               double* db) {
  alignas(64) T probe[kTileRows], weight[kTileRows], value[kTileRows];
  lanes([&](int r) { probe[r] = T(0); });
  for (int64_t c = 0; c < n_outputs; ++c) {
    const T* s = S + c * kTileRows;
    lanes([&](int r) { probe[r] += s[r] - s[r]; });  // infinity - infinity and NaN - NaN are NaN
  }
  T bad = T(0);
  for (int r = 0; r < kTileRows; ++r) bad += r < rows.count ? probe[r] : T(0);
  if (bad != T(0)) return false;

  int64_t label[kTileRows];
  TileTargets<T> y{nullptr, targets, data.positive_weight};
  if (Loss::traits.target == Target::classes && data.y.labels) {
    for (int64_t r = 0; r < kTileRows; ++r) label[r] = r < rows.count ? data.y.labels[row_index(rows, r)] : 0;
    y.label = label;
  } else {
    gather_targets(rows, data, n_outputs, targets);
  }
  Loss::tile(S, n_outputs, y, data.parameters, value);

  double total = 0;
  for (int64_t r = 0; r < kTileRows; ++r) {
    const double w = r >= rows.count ? 0 : data.sample_weight ? data.sample_weight[row_index(rows, r)] : 1;
    weight[r] = static_cast<T>(w);
    total += r < rows.count ? w * static_cast<double>(value[r]) : 0;
  }
  *loss += total;
  for (int64_t c = 0; c < n_outputs; ++c) {
    T* s = S + c * kTileRows;
    T sum = T(0);
#pragma omp simd reduction(+ : sum)
    for (int r = 0; r < kTileRows; ++r) {
      s[r] *= weight[r];
      sum += s[r];
    }
    db[c] += static_cast<double>(sum);
  }
  return true;
}

}  // namespace
}  // namespace softmargin
