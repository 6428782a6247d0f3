// Weighted means and variances of the features, and their extremes, in one pass over the data.
#pragma once

#include "kernels/table.h"
#include "regions.h"

namespace softmargin {

// Each array (n_features,). The variance is the population's.
struct MomentsResult {
  double* mean;
  double* variance;
  double* smallest;
  double* largest;
};

// Rows of weight 0 do not count; implicit zeros of sparse rows do. Throws ValueError where X is not finite.
void moments(const MatrixView& X, const double* sample_weight, const MomentsResult& result, int num_threads,
             const Poll& poll);

}  // namespace softmargin
