// Features are split among the threads; each is summed over the rows in order, in double.
#include "moments.h"

#include <limits>
#include <vector>

#include "buffer.h"
#include "dispatch.h"
#include "objective.h"

namespace softmargin {

void moments(const MatrixView& X, const double* sample_weight, const MomentsResult& result, int num_threads,
             const Poll& poll) {
  const int64_t n = X.n_samples, d = X.n_features;
  auto shift = Buffer<double>::zeros(d), sum = Buffer<double>::zeros(d), square = Buffer<double>::zeros(d),
       weight = Buffer<double>::zeros(d);
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += sample_weight ? sample_weight[i] : 1;
  for (int64_t j = 0; j < d; ++j) {
    result.smallest[j] = std::numeric_limits<double>::infinity();
    result.largest[j] = -std::numeric_limits<double>::infinity();
  }
  bool sparse = false;
  Layouts::for_each([&]<class Layout>(int layout) {
    if (layout != X.layout) return;
    sparse = Layout::width == 1;
    Layout::each(X, 0, {0, d}, [&](int64_t j, double x) { shift[j] += x; });
  });

  const auto kernel = kernels().moments[X.layout];
  const int threads = threads_for(num_threads, 4.0 * static_cast<double>(n) * static_cast<double>(d));
  int64_t per_region = 64;
  for (int64_t first = 0; first < n;) {
    const int64_t count = minimum(per_region, n - first);
    const Stopwatch watch;
    parallel(threads, [&](Team& team) {
      const Share own = share_of((d + kChunk - 1) / kChunk, team.rank(), team.size());
      const Features features{minimum(own.begin * kChunk, d), minimum(own.end * kChunk, d)};
      if (features.begin >= features.end) return;
      const int64_t j = features.begin;
      kernel(X, {nullptr, first, count}, features, sample_weight,
             {shift.data() + j, sum.data() + j, square.data() + j, result.smallest + j, result.largest + j,
              weight.data() + j});
    });
    first += count;
    if (watch.seconds() < kRegionSeconds / 2) per_region *= 2;
    poll();
  }

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
    result.variance[j] = maximum(square[j] / total - offset * offset, 0.0);
    if (result.variance[j] - result.variance[j] != 0) check_finite<double>(X);
  }
}

}  // namespace softmargin
