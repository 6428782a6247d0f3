// Gram matrix of sparse rows: a sum of outer products of their entries, which costs the square of a row, not of X.
#pragma once

#include "regions.h"
#include "views.h"

namespace softmargin {

// G (n_features + 1, n_features + 1), Fortran order, lower triangle = sum_i weight_i z_i z_i' with z_i = [x_i, 1]; the
// rest is left as it was. Rows of weight 0 are not read. Each number is summed over the rows in order, whoever does it:
// the same bits for any number of threads. X is CSR.
template <class T>
void sparse_gram(const MatrixView& X, const double* weight, T* G, int num_threads, const Poll& poll);

// squares (n_samples,) = sum_j scale_j x_ij^2, scale (n_features,) or null for ones. X is CSR.
void row_squares(const MatrixView& X, const double* scale, double* squares, int num_threads, const Poll& poll);

}  // namespace softmargin
