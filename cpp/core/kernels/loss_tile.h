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
  // A loss that is not smooth is smoothed around centre [n_samples][n_outputs], or null to take it as it is.
  const T* centre = nullptr;
  double width = 0;
};

namespace {

// The target of row i and output c of a loss of each output alone: labels mean one-versus-rest.
inline double target_of(const LossData<double>& data, int64_t n_outputs, int64_t i, int64_t c) {
  return data.y.labels ? (data.y.labels[i] == c ? 1.0 : -1.0) : data.y.values[i * n_outputs + c];
}

// f(r, row of X) for the rows of a tile: without the question for an order in the loop, a run of rows becomes vector
// code.
template <class F>
[[gnu::always_inline]] inline void each_row(const Rows& rows, F&& f) {
  if (rows.order) {
    const int64_t* order = rows.order + rows.first;
    for (int64_t r = 0; r < rows.count; ++r) f(r, order[r]);
  } else {
    for (int64_t r = 0; r < rows.count; ++r) f(r, rows.first + r);
  }
}

// f(tile, its place in S [tile][n_outputs][kTileRows]) for the tiles of a run.
template <class T, class F>
[[gnu::always_inline]] inline void each_tile(const Rows& rows, int64_t n_outputs, T* S, F&& f) {
  for (int64_t r = 0; r < rows.count; r += kTileRows, S += kTileRows * n_outputs)
    f(Rows{rows.order, rows.first + r, minimum<int64_t>(kTileRows, rows.count - r)}, S);
}

// label [kTileRows] of the rows, 0 past the last row.
inline void gather_labels(const Rows& rows, const int64_t* labels, int64_t* label) {
  for (int64_t r = rows.count; r < kTileRows; ++r) label[r] = 0;
  each_row(rows, [&](int64_t r, int64_t i) { label[r] = labels[i]; });
}

// values [n_outputs][kTileRows] of the rows; past the last row +1, which keeps every loss finite.
template <class T>
void gather_values(const Rows& rows, const T* y, int64_t n_outputs, T* values) {
  for (int64_t c = 0; c < n_outputs; ++c)
    for (int64_t r = rows.count; r < kTileRows; ++r) values[c * kTileRows + r] = T(1);
  if (n_outputs == 1) return each_row(rows, [&](int64_t r, int64_t i) { values[r] = y[i]; });
  each_row(rows, [&](int64_t r, int64_t i) {
    for (int64_t c = 0; c < n_outputs; ++c) values[c * kTileRows + r] = y[i * n_outputs + c];
  });
}

// The targets of a tile as its loss wants them; `label` [kTileRows] and `values` [n_outputs][kTileRows] are room for
// them.
template <class T>
[[gnu::noinline]] TileTargets<T> targets_of_tile(const Rows& rows, const LossData<T>& data, bool classes,
                                                 int64_t n_outputs, int64_t* label, T* values) {
  if (!data.y.labels) {
    gather_values(rows, data.y.values, n_outputs, values);
    return {nullptr, values, data.positive_weight};
  }
  gather_labels(rows, data.y.labels, label);
  if (classes) {  // labels are places in a tile; a callback may have written to y since they were checked
    lanes([&](int r) { label[r] = label[r] >= 0 && label[r] < n_outputs ? label[r] : 0; });
    return {label, values, data.positive_weight};
  }
  for (int64_t c = 0; c < n_outputs; ++c)
    lanes([&](int r) { values[c * kTileRows + r] = label[r] == c ? T(1) : T(-1); });
  return {nullptr, values, data.positive_weight};
}

template <class T, class Loss>
TileTargets<T> tile_targets(const Rows& rows, const LossData<T>& data, int64_t n_outputs, int64_t* label, T* values) {
  return targets_of_tile(rows, data, Loss::traits.target == Target::classes, n_outputs, label, values);
}

// tile [n_outputs][kTileRows] = the rows of A [n_samples][n_outputs]; 0 past the last row.
template <class T>
void read_rows(const Rows& rows, const T* A, int64_t n_outputs, T* tile) {
  for (int64_t r = 0; r < kTileRows; ++r) {
    const T* a = r < rows.count ? A + row_index(rows, r) * n_outputs : nullptr;
    for (int64_t c = 0; c < n_outputs; ++c) tile[c * kTileRows + r] = a ? a[c] : T(0);
  }
}

// The rows of A [n_samples][n_outputs] = tile.
template <class T>
void write_rows(const Rows& rows, const T* tile, int64_t n_outputs, T* A) {
  for (int64_t r = 0; r < rows.count; ++r) {
    T* a = A + row_index(rows, r) * n_outputs;
    for (int64_t c = 0; c < n_outputs; ++c) a[c] = tile[c * kTileRows + r];
  }
}

// weight [kTileRows] of the rows, 0 past the last one.
template <class W>
void gather_weights(const Rows& rows, const double* sample_weight, W* weight) {
  lanes([&](int r) { weight[r] = r < rows.count ? W(1) : W(0); });
  if (sample_weight) each_row(rows, [&](int64_t r, int64_t i) { weight[r] = static_cast<W>(sample_weight[i]); });
}

// The sum of f(r) over the lanes, in A.
template <class A, class F>
[[gnu::always_inline]] inline A sum_of_lanes(F&& f) {
  A sum = A(0);
#pragma omp simd simdlen(8) reduction(+ : sum)
  for (int r = 0; r < kTileRows; ++r) sum += f(r);
  return sum;
}

// Whether all rows of a whole tile weigh 1.
inline bool of_weight_1(const Rows& rows, const double* sample_weight) {
  return !sample_weight && rows.count == kTileRows;
}

template <class T>
[[gnu::noinline]] void weigh_each(const Rows& rows, const double* sample_weight, int64_t n_outputs, T* dS) {
  alignas(64) T weight[kTileRows];
  gather_weights(rows, sample_weight, weight);
  for (int64_t c = 0; c < n_outputs; ++c) lanes([&](int r) { dS[c * kTileRows + r] *= weight[r]; });
}

// dS [n_outputs][kTileRows] *= weight of the row, 0 past the last row; db [n_outputs] += sums over the rows.
template <class T>
void weigh(const Rows& rows, const double* sample_weight, int64_t n_outputs, T* dS, double* db) {
  if (!of_weight_1(rows, sample_weight)) weigh_each(rows, sample_weight, n_outputs, dS);
  for (int64_t c = 0; c < n_outputs; ++c)
    db[c] += static_cast<double>(sum_of_lanes<T>([&](int r) { return dS[c * kTileRows + r]; }));
}

template <class T>
[[gnu::noinline]] double sum_of_weighted(const Rows& rows, const double* sample_weight, const T* value) {
  alignas(64) double weight[kTileRows];
  gather_weights(rows, sample_weight, weight);
  const int count = static_cast<int>(rows.count);
  return sum_of_lanes<double>([&](int r) { return r < count ? weight[r] * static_cast<double>(value[r]) : 0.0; });
}

template <class T>
double weighted_sum(const Rows& rows, const double* sample_weight, const T* value) {
  if (!of_weight_1(rows, sample_weight)) return sum_of_weighted(rows, sample_weight, value);
  return sum_of_lanes<double>([&](int r) { return static_cast<double>(value[r]); });
}

// S [n_outputs][kTileRows]: scores in, weighted dS out (0 in the lanes past the last row). loss += sum of the weighted
// losses, db [n_outputs] += sum of dS. False, with S as it was, if a score is not finite. `targets`: room for two
// tiles.
template <class T, class Loss>
[[gnu::always_inline]] inline bool loss_tile(const Rows& rows, const LossData<T>& data, int64_t n_outputs, T* S,
                                             T* targets, double* loss, double* db) {
  alignas(64) T probe[kTileRows], value[kTileRows];
  lanes([&](int r) { probe[r] = T(0); });
  for (int64_t c = 0; c < n_outputs; ++c) {
    const T* s = S + c * kTileRows;
    lanes([&](int r) { probe[r] += s[r] - s[r]; });  // infinity - infinity and NaN - NaN are NaN
  }
  const int count = static_cast<int>(rows.count);
  if (sum_of_lanes<T>([&](int r) { return r < count ? probe[r] : T(0); }) != T(0)) return false;

  int64_t label[kTileRows];
  const TileTargets<T> y = tile_targets<T, Loss>(rows, data, n_outputs, label, targets);
  bool smoothed = false;
  if constexpr (!Loss::traits.smooth) {
    if (data.centre) {
      T* centre = targets + n_outputs * kTileRows;
      read_rows(rows, data.centre, n_outputs, centre);
      Loss::smoothed(S, n_outputs, y, data.parameters, Smoothing<T>{centre, static_cast<T>(data.width)}, value);
      smoothed = true;
    }
  }
  if (!smoothed) Loss::tile(S, n_outputs, y, data.parameters, value);
  *loss += weighted_sum(rows, data.sample_weight, value);
  weigh(rows, data.sample_weight, n_outputs, S, db);
  return true;
}

// loss_tile for a run of tiles, S [tile][n_outputs][kTileRows].
template <class T, class Loss>
bool loss_tiles(const Rows& rows, const LossData<T>& data, int64_t n_outputs, T* S, T* targets, double* loss,
                double* db) {
  bool finite = true;
  each_tile(rows, n_outputs, S, [&](const Rows& tile, T* s) {
    finite = finite && loss_tile<T, Loss>(tile, data, n_outputs, s, targets, loss, db);
  });
  return finite;
}

// V [n_outputs][kTileRows] = the Hessian of each row's loss at the scores S times V; of the smoothed one where the loss
// is not smooth. The `first` product at these scores overwrites S with what the loss prepares for all of them.
template <class T, class Loss>
void hessian_tile(const Rows& rows, const LossData<T>& data, int64_t n_outputs, T* S, T* targets, T* V, bool first) {
  int64_t label[kTileRows];
  const TileTargets<T> y = tile_targets<T, Loss>(rows, data, n_outputs, label, targets);
  if constexpr (requires { &Loss::template prepare<T>; }) {
    if (first) Loss::prepare(S, n_outputs);
  }
  if constexpr (Loss::traits.smooth) {
    Loss::hessian(S, n_outputs, y, data.parameters, V);
  } else {
    T* centre = targets + n_outputs * kTileRows;
    read_rows(rows, data.centre, n_outputs, centre);
    Loss::smoothed_hessian(S, n_outputs, y, data.parameters, Smoothing<T>{centre, static_cast<T>(data.width)}, V);
  }
}

// The sum of the weighted conjugates at A [n_outputs][kTileRows]; A is dual feasible up to rounding.
template <class T, class Loss>
double conjugate_tile(const Rows& rows, const LossData<T>& data, int64_t n_outputs, const T* A, T* targets) {
  alignas(64) T value[kTileRows];
  int64_t label[kTileRows];
  const TileTargets<T> y = tile_targets<T, Loss>(rows, data, n_outputs, label, targets);
  Loss::conjugate(A, n_outputs, y, data.parameters, value);
  return weighted_sum(rows, data.sample_weight, value);
}

}  // namespace
}  // namespace softmargin
