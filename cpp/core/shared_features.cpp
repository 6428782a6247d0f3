// Two loops over the rows, in order.
#include "shared_features.h"

#include "buffer.h"
#include "layouts/registry.h"

namespace softmargin {

namespace {

// Rows between two looks at the clock.
constexpr int64_t kRowsAtOnce = 64;

// f(row i, its entries) for all rows of CSR.
template <class F>
void each_row(const MatrixView& X, const Poll& poll, F&& f) {
  Layouts::for_each([&]<class Layout>(int layout) {
    if constexpr (Layout::width == 1) {
      if (layout != X.layout) return;
      Stopwatch watch;
      for (int64_t i = 0; i < X.n_samples; ++i) {
        if (i % kRowsAtOnce == 0 && watch.seconds() > kRegionSeconds) poll(), watch = Stopwatch();
        f(i, Layout::row(X, i));
      }
    }
  });
}

}  // namespace

int64_t place_shared(const MatrixView& X, std::int32_t* place, const Poll& poll) {
  auto entries = Buffer<std::uint8_t>::zeros(X.n_features);  // 2 for more
  each_row(X, poll, [&](int64_t, const auto& row) {
    for (int64_t e = 0; e < row.count; ++e) {
      std::uint8_t& count = entries[row.indices[e]];
      count = static_cast<std::uint8_t>(minimum(count + 1, 2));
    }
  });
  int64_t alone = 0;
  std::int32_t next = 0;
  for (int64_t j = 0; j < X.n_features; ++j) {
    const bool shared = entries[j] == 2;
    place[j] = shared ? next : -1;
    next += shared;
    alone += entries[j] == 1;
  }
  return alone;
}

template <class V>
void copy_shared(const MatrixView& X, const std::int32_t* place, const double* scale, const SharedFeatures<V>& to,
                 const Poll& poll) {
  V* values = to.values;
  std::int32_t* indices = to.indices;
  to.indptr[0] = 0;
  each_row(X, poll, [&](int64_t i, const auto& row) {
    double squares = 0;
    for (int64_t e = 0; e < row.count; ++e) {  // every entry is written: no processor guesses which ones stay
      const std::int32_t index = place[row.indices[e]];
      const std::uint32_t alone = static_cast<std::uint32_t>(index) >> 31;
      const double value = static_cast<double>(row.values[e]);
      *values = static_cast<V>(row.values[e]);
      *indices = index;
      values += 1 - alone, indices += 1 - alone;
      squares += static_cast<double>(alone) * value * value * (scale ? scale[row.indices[e]] : 1.0);
    }
    to.indptr[i + 1] = values - to.values;
    to.alone[i] = squares;
  });
}

template void copy_shared(const MatrixView&, const std::int32_t*, const double*, const SharedFeatures<float>&,
                          const Poll&);
template void copy_shared(const MatrixView&, const std::int32_t*, const double*, const SharedFeatures<double>&,
                          const Poll&);

}  // namespace softmargin
