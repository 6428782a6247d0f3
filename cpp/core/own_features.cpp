// Two loops over the rows, in order, and one over the features. Threads would wait for each other's cache lines: the
// features of neighbouring numbers are those of rows far apart.
#include "own_features.h"

#include <cmath>

#include "buffer.h"
#include "layouts/registry.h"

namespace softmargin {

namespace {

// Rows between two looks at the clock.
constexpr int64_t kRowsAtOnce = 64;

// Squares between which a length has all its digits.
constexpr double kLeast = 1e-280, kMost = 1e280;

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

int64_t place_features(const MatrixView& X, std::int32_t* place, const Poll& poll) {
  auto entries = Buffer<std::uint8_t>::zeros(X.n_features);  // 2 for more
  each_row(X, poll, [&](int64_t, const auto& row) {
    for (int64_t e = 0; e < row.count; ++e) {
      std::uint8_t& count = entries[row.indices[e]];
      count = static_cast<std::uint8_t>(minimum(count + 1, 2));
    }
  });
  int64_t own = 0;
  std::int32_t shared = 0;
  for (int64_t j = 0; j < X.n_features; ++j) {
    place[j] = entries[j] == 2 ? shared++ : kNotShared;
    own += entries[j] == 1;
  }
  return own;
}

Columns merge_own_features(const MatrixView& X, std::int32_t* place, const double* scale, const MergedFeatures& to,
                           const Poll& poll) {
  const int64_t d = X.n_features;
  std::int32_t n_shared = 0;
  for (int64_t j = 0; j < d; ++j) n_shared += place[j] >= 0;
  double* value = to.values;
  std::int32_t* index = to.indices;
  std::int32_t n_merged = 0;
  Buffer<double> length(X.n_samples);  // of a row in its own features, by column
  bool usual = true;
  to.indptr[0] = 0;
  each_row(X, poll, [&](int64_t i, const auto& row) {
    double squares = 0, finite = 0;
    bool merges = false;
    for (int64_t e = 0; e < row.count; ++e) {
      const int64_t j = row.indices[e];
      const double x = static_cast<double>(row.values[e]);
      finite += 0 * x;
      if (place[j] >= 0) {
        *value++ = x;
        *index++ = place[j];
        continue;
      }
      place[j] = kNotShared - 1 - n_merged;  // it is not asked for again
      to.factor[j] = scale ? x * scale[j] : x;
      squares += x * to.factor[j];
      merges = true;
    }
    if (merges) {
      usual = usual && (squares == 0 || (squares > kLeast && squares < kMost));
      *value++ = length[n_merged] = std::sqrt(squares);
      *index++ = n_shared + n_merged++;
    }
    usual = usual && finite == 0;
    to.indptr[i + 1] = value - to.values;
  });
  for (int64_t j = 0; j < d; ++j) {
    if (place[j] >= kNotShared) {
      to.column[j] = maximum(place[j], 0);
      to.factor[j] = place[j] >= 0 ? 1.0 : 0.0;
      continue;
    }
    const std::int32_t column = kNotShared - 1 - place[j];
    to.column[j] = n_shared + column;
    to.factor[j] = length[column] > 0 ? to.factor[j] / length[column] : 0.0;  // of zeros alone
  }
  return usual ? Columns{n_shared, n_shared + n_merged} : Columns{0, 0};
}

}  // namespace softmargin
