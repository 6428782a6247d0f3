// One loop over the rows for each element type.
#include "centred_rows.h"

#include "layouts/registry.h"

namespace softmargin {

namespace {

template <class Layout>
void convert(const MatrixView& X, const Rows& rows, const double* centre, const double* scale, int64_t padded,
             double* Z) {
  const int64_t d = X.n_features;
  for (int64_t r = 0; r < rows.count; ++r, Z += padded) {
    const auto* x = Layout::row(X, row_index(rows, r));
    for (int64_t j = 0; j < d; ++j) Z[j] = Layout::as_double(x[j]) - centre[j];
    for (int64_t j = 0; scale && j < d; ++j) Z[j] *= scale[j];
    Z[d] = 1;
  }
}

}  // namespace

void centred_rows(const MatrixView& X, const Rows& rows, const double* centre, const double* scale, int64_t padded,
                  double* Z) {
  Layouts::for_each([&]<class Layout>(int layout) {
    if constexpr (Layout::width > 1) {
      if (layout == X.layout) convert<Layout>(X, rows, centre, scale, padded, Z);
    }
  });
}

}  // namespace softmargin
