// What goes from rows to rows: what a loss says of scores that are known already, without X, and products with X X'.
#pragma once

#include "objective.h"
#include "registry.h"

namespace softmargin {

// All arrays are (n_samples, n_outputs); sums are weighted, the same bits for any number of threads.

// The sum of the losses at S + shift (n_outputs). A, where given, = dS, not weighted. db (n_outputs), where given, =
// the weighted sum of dS. NaN if a score is not finite.
template <class T>
double row_losses(const Problem<T>& problem, const T* S, const T* shift, T* A, double* db, int num_threads,
                  const Poll& poll);

// V = the Hessian of each row's loss at S + shift times V, not weighted. vb (n_outputs), where given, = the weighted
// sum of V.
template <class T>
void row_hessians(const Problem<T>& problem, const T* S, const T* shift, T* V, double* vb, int num_threads,
                  const Poll& poll);

// Numbers that the Hessian of a row's loss has: its diagonal; with `pairs` all of its upper triangle, row by row,
// unless the loss takes its outputs apart.
template <class T>
int64_t curvatures_of_row(const Problem<T>& problem, bool pairs) {
  const int64_t k = problem.n_outputs;
  return pairs && loss_traits(problem.loss).target == Target::classes ? k * (k + 1) / 2 : k;
}

// D (n_samples, curvatures_of_row) = the Hessian of each row's loss at S, not weighted. H (n_outputs, n_outputs), where
// given, = the weighted sum of those Hessians.
template <class T>
void row_curvatures(const Problem<T>& problem, const T* S, bool pairs, T* D, double* H, int num_threads,
                    const Poll& poll);

// The sum of the conjugates at A, which is dual feasible.
template <class T>
double row_conjugates(const Problem<T>& problem, const T* A, int num_threads, const Poll& poll);

// S (n_samples, n_outputs) = the scores of the weights W = scale sum_i w_i a_i x_i, where a_i are problem.derivatives,
// each feature's times feature_scale (n_features) where given. One pass; W never leaves its packed order.
template <class T>
void row_products(const Problem<T>& problem, double scale, const double* feature_scale, T* S, int num_threads,
                  const Poll& poll);

}  // namespace softmargin
