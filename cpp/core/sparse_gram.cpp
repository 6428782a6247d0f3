// Few features: every share of the rows has a matrix of its own. Many: the columns of one are split among the threads
// by their work, and every thread reads all rows.
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

// Features up to which shares of rows have matrices of their own, 0.5 MB each, and the number of shares.
constexpr int64_t kFew = 256;
constexpr int64_t kShares = 8;

// Columns that an entry of a row is added to at once: the loops of short rows are few and their ends hard to foretell.
constexpr int kTogether = 4;

// Adds the products of the m entries from p on with those from there on, indices increasing, to m columns.
template <int m, class Row, class T>
void add_columns(const Row& row, int64_t p, const T* x, T* const* column) {
  for (int a = 0; a < m; ++a) {
    for (int b = a; b < m; ++b) column[a][row.indices[p + b]] += x[a] * static_cast<T>(row.values[p + b]);
  }
  for (int64_t q = p + m; q < row.count; ++q) {
    const auto other = static_cast<int64_t>(row.indices[q]);
    const T value = static_cast<T>(row.values[q]);
    for (int a = 0; a < m; ++a) column[a][other] += x[a] * value;
  }
}

// Adds the outer product of a row whose indices increase to the columns `own`.
template <class Row, class T>
void add_sorted(const Row& row, double weight, Share own, int64_t d, T* G) {
  int64_t p = 0;
  while (p < row.count && static_cast<int64_t>(row.indices[p]) < own.begin) ++p;
  while (p < row.count && static_cast<int64_t>(row.indices[p]) < own.end) {
    T x[kTogether];
    T* column[kTogether];
    int m = 0;
    for (; m < kTogether && p + m < row.count && static_cast<int64_t>(row.indices[p + m]) < own.end; ++m) {
      column[m] = G + static_cast<int64_t>(row.indices[p + m]) * (d + 1);
      x[m] = static_cast<T>(weight * static_cast<double>(row.values[p + m]));
      column[m][d] += x[m];
    }
    if (m == kTogether) {
      add_columns<kTogether>(row, p, x, column);
    } else {
      for (int a = 0; a < m; ++a) add_columns<1>(row, p + a, x + a, column + a);
    }
    p += m;
  }
}

// The same of any row. Each pair of entries is met twice and taken once, by the order of their features; two entries of
// one feature are taken both times, as the square of their sum asks for.
template <class Row, class T>
void add_unsorted(const Row& row, double weight, Share own, int64_t d, T* G) {
  for (int64_t p = 0; p < row.count; ++p) {
    const auto j = static_cast<int64_t>(row.indices[p]);
    if (j < own.begin || j >= own.end) continue;
    T* column = G + j * (d + 1);
    const T x = static_cast<T>(weight * static_cast<double>(row.values[p]));
    for (int64_t q = 0; q < row.count; ++q) {
      const auto other = static_cast<int64_t>(row.indices[q]);
      if (other >= j) column[other] += x * static_cast<T>(row.values[q]);
    }
    column[d] += x;
  }
}

template <class Layout, class T>
void add_row(const MatrixView& X, int64_t i, double weight, Share own, T* G) {
  const int64_t d = X.n_features;
  if (weight == 0) return;
  const auto row = Layout::row(X, i);
  X.sorted ? add_sorted(row, weight, own, d, G) : add_unsorted(row, weight, own, d, G);
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

// G of few features: the sums of the shares, in order.
template <class Layout, class T>
void by_rows(const MatrixView& X, const double* weight, T* G, int threads, const Poll& poll) {
  const int64_t d = X.n_features, size = (d + 1) * (d + 1);
  auto sums = Buffer<T>::zeros(kShares * size);
  std::vector<Share> left;
  for (int64_t s = 0; s < kShares; ++s)
    left.push_back(share_of(X.n_samples, static_cast<int>(s), static_cast<int>(kShares)));
  in_regions(threads, left, poll, [&](Team&, std::size_t s) {
    const int64_t stop = minimum(left[s].begin + kRowsAtOnce, left[s].end);
    T* own = sums.data() + static_cast<int64_t>(s) * size;
    for (int64_t& i = left[s].begin; i < stop; ++i) add_row<Layout>(X, i, weight[i], {0, d + 1}, own);
  });
  for (int64_t s = 0; s < kShares; ++s) {
    for (int64_t j = 0; j <= d; ++j) {
      for (int64_t i = j; i <= d; ++i) G[j * (d + 1) + i] += sums[s * size + j * (d + 1) + i];
    }
  }
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
    if (d <= kFew && n > kShares * d) {
      by_rows<Layout>(X, weight, G, threads, poll);
      return;
    }
    const std::vector<Share> own = columns<Layout>(X, weight, threads, poll);
    std::vector<Share> left(own.size(), Share{0, n});
    in_regions(threads, left, poll, [&](Team&, std::size_t part) {
      const int64_t stop = minimum(left[part].begin + kRowsAtOnce, n);
      for (int64_t& i = left[part].begin; i < stop; ++i) {
        add_row<Layout>(X, i, weight[i], own[part], G);
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
    for (int t = 0; t < threads; ++t) rooms.push_back(Buffer<double>::zeros(X.sorted ? 0 : 2 * X.n_features));
    const int shares = kSharesOfThread * threads;
    for (int i = 0; i < shares; ++i) left.push_back(share_of(n, i, shares));
    in_regions(threads, left, poll, [&](Team& team, std::size_t part) {
      double* const room = rooms[static_cast<std::size_t>(team.rank())].data();
      const int64_t stop = minimum(left[part].begin + kRowsAtOnce, left[part].end);
      for (int64_t& i = left[part].begin; i < stop; ++i) {
        double sum = 0;
        Layout::each(X, i, {0, X.n_features}, room,
                     [&](int64_t j, double x) { sum += (scale ? scale[j] : 1) * x * x; });
        squares[i] = sum;
      }
    });
  });
}

template void sparse_gram(const MatrixView&, const double*, float*, int, const Poll&);
template void sparse_gram(const MatrixView&, const double*, double*, int, const Poll&);

}  // namespace softmargin
