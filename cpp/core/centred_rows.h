// Dense rows as Newton's methods want them: in double, centred, scaled, and with a one behind for the intercept.
#pragma once

#include "views.h"

namespace softmargin {

// Z [rows.count][padded] = [(x_i - centre) scale, 1], scale (n_features,) or null for ones; what is padded is left as
// it is. X is dense.
void centred_rows(const MatrixView& X, const Rows& rows, const double* centre, const double* scale, int64_t padded,
                  double* Z);

}  // namespace softmargin
