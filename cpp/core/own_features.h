// Features that have one entry alone, which in text are most: those of a row are merged into one.
//
// Under an l2 penalty a row asks of the weights of its own features for nothing but sum_j V_j z_ij, which costs least
// where V is along z_i: they are one feature, of value |z_i|, in other coordinates, and F and its dual are the same. An
// orthogonal transformation, as in any QR factorization (Golub and Van Loan, Matrix Computations, 2013, 5.1).
#pragma once

#include "regions.h"
#include "views.h"

namespace softmargin {

// place (n_features,) = the number of each feature among those of two entries or more, in order, or kNotShared.
// Returns how many have one entry. X is CSR of fewer than 2^31 features.
inline constexpr std::int32_t kNotShared = -1;
int64_t place_features(const MatrixView& X, std::int32_t* place, const Poll& poll);

// CSR in double, with rows in the order of X's; column (n_features,) is where a feature has gone, and
// factor (n_features,) what to multiply the weight there by: 0 for features without an entry.
struct MergedFeatures {
  double* values;  // room for X's entries, and of the indices too
  std::int32_t* indices;
  int64_t* indptr;  // (n_samples + 1,)
  int64_t* column;
  double* factor;
};

struct Columns {
  int64_t shared, all;
};

// Shared features come first, in order, then a column for each row that has features of its own. scale (n_features,),
// or null for ones: squares of what the features are multiplied by; the columns that are new are not. There are 0
// columns where X is not finite, or has numbers whose squares are beyond double: merged, it would be another X. place
// is overwritten.
Columns merge_own_features(const MatrixView& X, std::int32_t* place, const double* scale, const MergedFeatures& to,
                           const Poll& poll);

}  // namespace softmargin
