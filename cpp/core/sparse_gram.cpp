// The columns of the Gram matrix are split among the threads by their work; every thread reads all rows.
#include "sparse_gram.h"

#include "buffer.h"
#include "layouts/registry.h"

namespace softmargin {

namespace {

// Rows between two looks at the clock.
constexpr int64_t kRowsAtOnce = 256;

// Rows whose entries are counted between two polls.
constexpr int64_t kCountedAtOnce = 4096;

// f.template operator()<Layout>() for the layout of a sparse X.
template <class F>
void with_csr(const MatrixView& X, F&& f) {
  Layouts::for_each([&]<class Layout>(int layout) {
    if constexpr (Layout::width == 1) {
      if (layout == X.layout) f.template operator()<Layout>();
    }
  });
}

// Adds a row's outer product to the columns `own`. In an unsorted row each pair of entries is met twice and taken once,
// by the order of their features; two entries of one feature are taken both times, as the square of their sum asks for.
template <class Layout, class T>
void add_row(const MatrixView& X, int64_t i, double weight, Share own, T* G) {
  const int64_t d = X.n_features;
  const auto row = Layout::row(X, i);
  for (int64_t p = 0; p < row.count; ++p) {
    const auto j = static_cast<int64_t>(row.indices[p]);
    if (j < own.begin) continue;
    if (j >= own.end) {
      if (X.sorted) break;
      continue;
    }
    T* column = G + j * (d + 1);
    const T x = static_cast<T>(weight * static_cast<double>(row.values[p]));
    for (int64_t q = X.sorted ? p : 0; q < row.count; ++q) {
      const auto other = static_cast<int64_t>(row.indices[q]);
      if (other >= j) column[other] += x * static_cast<T>(row.values[q]);
    }
    column[d] += x;
  }
  if (own.end > d) G[(d + 1) * (d + 1) - 1] += static_cast<T>(weight);
}

// Runs of columns of about equal work, one a thread; the last one has the column of the ones.
template <class Layout>
std::vector<Share> columns(const MatrixView& X, const double* weight, int threads, const Poll& poll) {
  const int64_t d = X.n_features;
  if (threads == 1) return {{0, d + 1}};
  auto work = Buffer<double>::zeros(d);
  double total = 0;
  for (int64_t i = 0; i < X.n_samples; ++i) {
    if (i % kCountedAtOnce == 0) poll();
    if (weight[i] == 0) continue;
    const auto row = Layout::row(X, i);
    for (int64_t p = 0; p < row.count; ++p)
      work[static_cast<int64_t>(row.indices[p])] += static_cast<double>(row.count - p);
    total += 0.5 * static_cast<double>(row.count) * static_cast<double>(row.count + 1);
  }
  std::vector<Share> shares;
  int64_t j = 0;
  double done = 0;
  for (int t = 1; t <= threads; ++t) {
    const int64_t begin = j;
    while (j < d && (t == threads || done < total * t / threads)) done += work[j++];
    shares.push_back({begin, t == threads ? d + 1 : j});
  }
  return shares;
}

}  // namespace

template <class T>
void sparse_gram(const MatrixView& X, const double* weight, T* G, int num_threads, const Poll& poll) {
  const int64_t d = X.n_features, n = X.n_samples;
  for (int64_t j = 0; j <= d; ++j) {
    for (int64_t i = j; i <= d; ++i) G[j * (d + 1) + i] = T(0);
  }
  with_csr(X, [&]<class Layout>() {
    const double entries = static_cast<double>(Layout::entry(X, n) - Layout::entry(X, 0));
    // Half of the pairs of a row's entries, each some five times a multiply-add of dense rows.
    const int threads = threads_for(num_threads, 2.5 * entries * entries / static_cast<double>(n));
    const std::vector<Share> own = columns<Layout>(X, weight, threads, poll);
    std::vector<Share> left(own.size(), Share{0, n});
    in_regions(threads, left, poll, [&](Team&, std::size_t part) {
      const int64_t stop = minimum(left[part].begin + kRowsAtOnce, n);
      for (int64_t& i = left[part].begin; i < stop; ++i) {
        if (weight[i] != 0) add_row<Layout>(X, i, weight[i], own[part], G);
      }
    });
  });
}

void row_squares(const MatrixView& X, const double* scale, double* squares, int num_threads, const Poll& poll) {
  with_csr(X, [&]<class Layout>() {
    const int64_t n = X.n_samples;
    const int threads = threads_for(num_threads, static_cast<double>(Layout::entry(X, n) - Layout::entry(X, 0)));
    std::vector<Buffer<double>> rooms;
    std::vector<Share> left;
    for (int t = 0; t < threads; ++t) {
      rooms.push_back(Buffer<double>::zeros(X.sorted ? 0 : 2 * X.n_features));
      left.push_back(share_of(n, t, threads));
    }
    in_regions(threads, left, poll, [&](Team&, std::size_t part) {
      const int64_t stop = minimum(left[part].begin + kRowsAtOnce, left[part].end);
      for (int64_t& i = left[part].begin; i < stop; ++i) {
        double sum = 0;
        Layout::each(X, i, {0, X.n_features}, rooms[part].data(),
                     [&](int64_t j, double x) { sum += (scale ? scale[j] : 1) * x * x; });
        squares[i] = sum;
      }
    });
  });
}

template void sparse_gram(const MatrixView&, const double*, float*, int, const Poll&);
template void sparse_gram(const MatrixView&, const double*, double*, int, const Poll&);

}  // namespace softmargin
