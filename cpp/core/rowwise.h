// What a loss says of scores that are known already: values, derivatives, Hessians and conjugates row by row, without X.
#pragma once

#include "objective.h"

namespace softmargin {

// All arrays are (n_samples, n_outputs); sums are weighted, the same bits for any number of threads.

// The sum of the losses at S + shift (n_outputs). A, where given, = dS, not weighted. db (n_outputs), where given, = the
// weighted sum of dS. NaN if a score is not finite.
template <class T>
double row_losses(const Problem<T>& problem, const T* S, const T* shift, T* A, double* db, int num_threads,
                  const Poll& poll);

// V = the Hessian of each row's loss at S + shift times V, not weighted. vb (n_outputs), where given, = the weighted sum
// of V.
template <class T>
void row_hessians(const Problem<T>& problem, const T* S, const T* shift, T* V, double* vb, int num_threads,
                  const Poll& poll);

// The sum of the conjugates at A, which is dual feasible.
template <class T>
double row_conjugates(const Problem<T>& problem, const T* A, int num_threads, const Poll& poll);

}  // namespace softmargin
