// Features are split among the threads; each is summed over the rows in order, in double.
#include "moments.h"

#include <limits>
#include <vector>

#include "buffer.h"
#include "dispatch.h"
#include "objective.h"

namespace softmargin {

namespace {

// Rows, and entries of dense rows, between two looks at the clock.
constexpr int64_t kRowsAtOnce = 64;
constexpr int64_t kEntriesAtOnce = int64_t{1} << 20;

}  // namespace

void moments(const MatrixView& X, const double* sample_weight, const MomentsResult& result, int num_threads,
             const Poll& poll) {
  const int64_t n = X.n_samples, d = X.n_features;
  auto shift = Buffer<double>::zeros(d), sum = Buffer<double>::zeros(d), square = Buffer<double>::zeros(d),
       weight = Buffer<double>::zeros(d);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += sample_weight ? sample_weight[i] : 1;
  int64_t first_row = 0;  // that counts: the values of one that does not may be anywhere
  while (sample_weight && first_row + 1 < n && sample_weight[first_row] == 0) ++first_row;
  for (int64_t j = 0; j < d; ++j) {
    result.smallest[j] = std::numeric_limits<double>::infinity();
    result.largest[j] = -std::numeric_limits<double>::infinity();
  }
  auto room = Buffer<double>::zeros(X.sorted ? 0 : 2 * d);
  bool sparse = false;
  Layouts::for_each([&]<class Layout>(int layout) {
    if (layout != X.layout) return;
    sparse = Layout::width == 1;
    Layout::each_stored(X, first_row, [&](int64_t j, double x) { shift[j] += x; });
  });

  const auto kernel = kernels().moments[X.layout];
  const int threads = threads_for(num_threads, 4.0 * static_cast<double>(n) * static_cast<double>(d));
  const int64_t rows_at_once = sparse ? kRowsAtOnce : maximum<int64_t>(minimum(kRowsAtOnce, kEntriesAtOnce / d), 1);
  std::vector<Share> left(static_cast<std::size_t>(threads), Share{0, n});  // of the rows, for each run of features
  in_regions(threads, left, poll, [&](Team&, std::size_t part) {
    const Share own = share_of((d + kChunk - 1) / kChunk, static_cast<int>(part), threads);
    const Features features{minimum(own.begin * kChunk, d), minimum(own.end * kChunk, d)};
    const int64_t j = features.begin, first = left[part].begin;
    const int64_t count = minimum(features.begin < features.end ? rows_at_once : n, n - first);
    left[part].begin += count;
    if (features.begin >= features.end) return;
    kernel(X, {nullptr, first, count}, features, sample_weight,
           {shift.data() + j, sum.data() + j, square.data() + j, result.smallest + j, result.largest + j,
            weight.data() + j, X.sorted ? nullptr : room.data() + 2 * j});
  });

  for (int64_t j = 0; j < d; ++j) {
    if (sparse && weight[j] < total) {  // the implicit zeros: total - weight of them, each 0 - shift
      const double missing = total - weight[j];
      sum[j] -= missing * shift[j];
      square[j] += missing * shift[j] * shift[j];
      result.smallest[j] = minimum(result.smallest[j], 0.0);
      result.largest[j] = maximum(result.largest[j], 0.0);
    }
    const double offset = sum[j] / total;
    result.mean[j] = shift[j] + offset;
    const double variance = square[j] / total - offset * offset;
    if (variance - variance != 0) check_finite<double>(X, poll);  // before maximum(), which makes 0 of NaN
    result.variance[j] = maximum(variance, 0.0);
  }
}

}  // namespace softmargin
