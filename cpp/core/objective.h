// The data term of the objective over a set of rows: sum of losses, dW and db, in one pass over the data.
#pragma once

#include <atomic>

#include "buffer.h"
#include "kernels/table.h"
#include "regions.h"
#include "workspace.h"

namespace softmargin {

// X, y, the weights of the samples and the loss: what a model is fitted to. Views only; the owner keeps the data alive.
template <class T>
struct Problem {
  const KernelTable* table;  // of the instruction set in use when the call began
  MatrixView X;
  double entries_per_row;  // n_features, or the mean number of entries of a sparse row
  int loss;                // index in the registry
  LossData<T> data;
  int64_t n_outputs;
  const T* derivatives =
      nullptr;              // (n_samples, n_outputs) in place of the loss's dS: a pass then reads X only once more
  T* scores_out = nullptr;  // (n_samples, n_outputs), filled by a pass, or null

  const Kernels<T>& kernels() const { return kernels_of<T>(*table); }
  const LayoutKernels<T>& layout() const { return kernels().layout[X.layout]; }
  Packing packing() const { return {X.n_features, n_outputs, layout().width}; }
  double multiply_adds(int64_t rows) const { return 2.0 * static_cast<double>(rows * n_outputs) * entries_per_row; }
};

// Where the sums go: G packed (packed_size), db (n_outputs), both overwritten. G null: the loss alone.
struct Sums {
  double loss = 0;
  double* G = nullptr;
  double* db = nullptr;
};

// Sums of w_i loss_i, w_i dS_i x_i and w_i dS_i over the rows, the same bits for any number of threads. W packed, b
// (n_outputs). False if a score is not finite: X holds NaN or infinity, or the weights are too large for T.
template <class T>
bool accumulate(const Problem<T>& problem, const Rows& rows, const T* W, const T* b, Sums& sums, int num_threads,
                const Poll& poll);

// A tile or a run [tile][n_outputs][kTileRows] of scores and what becomes of them: loss and weighted dS. False if a
// score is not finite.
template <class T>
bool differentiate(const Problem<T>& problem, const Rows& rows, const T* W, const T* b, T* S, const Scratch<T>& scratch,
                   T* targets, double* loss, double* db);

// S (rows, n_outputs), C order = X W' + b.
template <class T>
bool all_scores(const Problem<T>& problem, const T* W, const T* b, T* S, int num_threads, const Poll& poll);

// Throws the ValueError that names the first entry of X that is not finite as T; returns if there is none.
template <class T>
void check_finite(const MatrixView& X, const Poll& poll);

}  // namespace softmargin
