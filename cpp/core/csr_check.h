// Checks a CSR matrix before anything reads through its indices.
#pragma once

#include "regions.h"
#include "views.h"

namespace softmargin {

// Throws ValueError that names the row if indptr does not start at 0, falls, or goes beyond n_entries, or if an index
// lies outside 0 .. n_features - 1, and what poll throws. Sets X.sorted. `layout` says the types of X.
void check_csr(MatrixView& X, int64_t n_entries, const Poll& poll);

}  // namespace softmargin
