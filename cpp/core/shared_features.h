// X without the features that have one entry alone, which in text are most: no other row ever reads or changes their
// weights, so what they add to a score is known from the row's own dual variable.
#pragma once

#include "regions.h"
#include "views.h"

namespace softmargin {

// place (n_features,) = the number of each feature among those of two entries or more, in order, or -1 for all others.
// Returns how many entries lie in features of their own. X is CSR of fewer than 2^31 features.
int64_t place_shared(const MatrixView& X, std::int32_t* place, const Poll& poll);

// The entries in features that have a place, with that for an index; V is the type of X's. alone (n_samples,) = sum_j
// scale_j x_ij^2 over the others, scale (n_features,) or null for ones.
template <class V>
struct SharedFeatures {
  V* values;  // room for one more than there are, and of the indices too
  std::int32_t* indices;
  int64_t* indptr;  // (n_samples + 1,)
  double* alone;
};
template <class V>
void copy_shared(const MatrixView& X, const std::int32_t* place, const double* scale, const SharedFeatures<V>& to,
                 const Poll& poll);

}  // namespace softmargin
