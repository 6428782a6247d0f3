// Gram matrices of dense rows under several weights at once: what Hessians and metrics of few features are made of.
#pragma once

#include "regions.h"
#include "views.h"

namespace softmargin {

// G (n_weights, n_features + 1, n_features + 1) = sum_i weights_ip z_i z_i' with z_i = [(x_i - centre) scale, 1], scale
// (n_features,) or null for ones; weights (rows.count, n_weights), of any sign. X is dense. The same bits for any
// number of threads.
void dense_gram(const MatrixView& X, const Rows& rows, const double* centre, const double* scale, const double* weights,
                int64_t n_weights, double* G, int num_threads, const Poll& poll);

}  // namespace softmargin
