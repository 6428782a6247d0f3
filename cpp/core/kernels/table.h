// The table of kernels: what one instruction set offers the rest of the core, by registry index.
#pragma once

#include "../layouts/registry.h"
#include "../losses/registry.h"
#include "../optimizers/registry.h"
#include "../penalties/registry.h"
#include "functions.h"
#include "gram.h"
#include "loss_tile.h"
#include "machine.h"
#include "moments.h"
#include "rows.h"
#include "scratch.h"
#include "update.h"

namespace softmargin {

inline constexpr int kLayouts = Layouts::size;
inline constexpr int kLosses = Losses::size;
inline constexpr int kOptimizers = Optimizers::size;
inline constexpr int kPenalties = Penalties::size;  // index kPenalties: no penalty

// Rows whose gradients are summed in W's type before they go into double: ten tiles (at most 256).
inline constexpr int kMaxSummedRows = 10 * kTileRows;

template <class T>
struct LayoutKernels {
  int width;          // lanes of a panel of packed W
  int element_bytes;  // of a number of X
  // Rows: a tile, or where X is dense a run of up to kRunTiles; S and dS [tile][n_outputs][kTileRows].
  void (*scores)(const MatrixView&, const Rows&, Features, const T* W, const T* b, int64_t n_outputs, T* S,
                 const Scratch<T>&);
  void (*gradient)(const MatrixView&, const Rows&, Features, const T* dS, int64_t n_outputs, T* dW, const Scratch<T>&,
                   bool fused);
  // Sums in double, for layouts where moving a T sum into double would cost more than the rows; else null.
  void (*gradient_wide)(const MatrixView&, const Rows&, Features, const T* dS, int64_t n_outputs, double* dW,
                        const Scratch<T>&, bool fused);
};

template <class T>
using LossKernel = bool (*)(const Rows&, const LossData<T>&, int64_t n_outputs, T* S, T* targets, double* loss,
                            double* db);

template <class T>
using HessianKernel = void (*)(const Rows&, const LossData<T>&, int64_t n_outputs, T* S, T* targets, T* V, bool first);

template <class T>
using ConjugateKernel = double (*)(const Rows&, const LossData<T>&, int64_t n_outputs, const T* A, T* targets);

template <class T>
using UpdateKernel = bool (*)(T* w, const T* g, T* s0, T* s1, int64_t n, const double* constants,
                              const double* penalty);

template <class T>
struct Kernels {
  LayoutKernels<T> layout[kLayouts];
  LossKernel<T> loss[kLosses];
  HessianKernel<T> hessian[kLosses];
  ConjugateKernel<T> conjugate[kLosses];
  UpdateKernel<T> update[kOptimizers][kPenalties + 1];
  double (*penalty_terms[kPenalties + 1])(const T* w, int64_t n, const double* penalty, T* gradient);
  void (*flush)(T* part, double* total, int64_t n);
  void (*finish_gradient)(const Packing&, Features, const double* G, double scale, const double* mean,
                          const double* inverse_deviation, const double* db, T* g);
  void (*finish_narrow_gradient)(const Packing&, Features, const T* G, double scale, const double* mean,
                                 const double* inverse_deviation, const double* db, T* g);
  void (*standardise_weights)(const Packing&, Features, const T* w, const double* mean, const double* inverse_deviation,
                              T* effective, double* shift);
  void (*apply)(Function, const T* x, int64_t n, T* y);
  T (*read)(const T* p, int64_t n);
  double (*multiply_adds)(int64_t rounds, T* x);
  void (*move_state)(T* w, const T* g, T* s0, T* s1, int64_t n);
};

struct KernelTable {
  Kernels<float> f32;
  Kernels<double> f64;
  void (*moments[kLayouts])(const MatrixView&, const Rows&, Features, const double* sample_weight, const Moments&);
  void (*add_gram)(const GramRows&, int64_t column, double* weighted, double* G);
  void (*multiply_rows)(const double* Z, int64_t padded, int64_t count, const double* w, double* s);
  void (*combine_rows)(const double* Z, int64_t padded, int64_t count, const double* d, double* g);
};

extern const KernelTable table_baseline, table_avx2, table_avx512;

namespace {

template <class T>
inline const Kernels<T>& kernels_of(const KernelTable& table) {
  if constexpr (same<T, float>) {
    return table.f32;
  } else {
    return table.f64;
  }
}

}  // namespace
}  // namespace softmargin
