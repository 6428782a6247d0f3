// One scan of indptr and one of the indices, the latter without branches inside a row and on several threads.
#include "csr_check.h"

#include <atomic>
#include <string>
#include <type_traits>
#include <vector>

#include "errors.h"
#include "layouts/registry.h"

namespace softmargin {
namespace {

std::string at_row(int64_t i) { return " at row " + std::to_string(i); }

// What all indices have to say: whether one lies outside, whether one does not rise in its row.
struct Scan {
  std::atomic<bool> outside{false}, falls{false};
};

// Rows looked at between two looks at the clock.
constexpr int64_t kRowsAtOnce = 64;

// An entry takes as long as one multiply-add of a pass.
template <class Layout>
void scan_indices(const MatrixView& X, int64_t n_entries, const Poll& poll, Scan& scan) {
  const int threads = threads_for(0, static_cast<double>(n_entries));
  std::vector<Share> left;
  const int shares = kSharesOfThread * threads;
  for (int i = 0; i < shares; ++i) left.push_back(share_of(X.n_samples, i, shares));
  in_regions(threads, left, poll, [&](Team&, std::size_t share) {
    int64_t& i = left[share].begin;
    const int64_t stop = minimum(i + kRowsAtOnce, left[share].end);
    bool outside = false, falls = false;
    for (; i < stop; ++i) {
      const auto e = Layout::row(X, i);
      using Index = std::remove_cvref_t<decltype(e.indices[0])>;
      using Unsigned = std::make_unsigned_t<Index>;
      // Where the indices rise, the first and the last one tell of all. Sums of ones and not flags: the compiler makes
      // vectors of them. A negative index is a large one here.
      Unsigned fallen = 0;
#pragma omp simd reduction(+ : fallen)
      for (int64_t p = 1; p < e.count; ++p) fallen += e.indices[p] <= e.indices[p - 1] ? Unsigned{1} : Unsigned{0};
      Unsigned largest = 0;
      const auto see = [&](Index index) {
        const auto j = static_cast<Unsigned>(index);
        largest = j > largest ? j : largest;
      };
      if (fallen == 0 && e.count > 0) see(e.indices[0]), see(e.indices[e.count - 1]);
      for (int64_t p = 0; fallen != 0 && p < e.count; ++p) see(e.indices[p]);
      outside = outside || (e.count > 0 && largest >= static_cast<std::uint64_t>(X.n_features));
      falls = falls || fallen != 0;
    }
    if (outside) scan.outside = true;
    if (falls) scan.falls = true;
  });
}

template <class Layout>
void check(MatrixView& X, int64_t n_entries, const Poll& poll) {
  Stopwatch watch;
  const auto look_up = [&](int64_t i) {
    if (i % 256 == 0 && watch.seconds() > kRegionSeconds) poll(), watch = Stopwatch();
  };
  if (Layout::entry(X, 0) != 0)
    throw ValueError("X.indptr: expected 0 as the first entry, got " + std::to_string(Layout::entry(X, 0)) + at_row(0));
  for (int64_t i = 0; i < X.n_samples; ++i) {
    look_up(i);
    const int64_t begin = Layout::entry(X, i), end = Layout::entry(X, i + 1);
    if (end < begin) {
      throw ValueError("X.indptr: expected entries that do not fall, got " + std::to_string(end) + " after " +
                       std::to_string(begin) + at_row(i));
    }
    if (end > n_entries) {
      throw ValueError("X.indptr: expected at most " + std::to_string(n_entries) +
                       ", the length of X.indices and X.data, got " + std::to_string(end) + at_row(i));
    }
  }
  Scan scan;
  scan_indices<Layout>(X, n_entries, poll, scan);
  for (int64_t i = 0; scan.outside && i < X.n_samples; ++i) {
    look_up(i);
    const auto e = Layout::row(X, i);
    for (int64_t p = 0; p < e.count; ++p) {
      const auto j = static_cast<int64_t>(e.indices[p]);
      if (j >= 0 && j < X.n_features) continue;
      throw ValueError("X.indices: expected 0 to " + std::to_string(X.n_features - 1) + ", got " + std::to_string(j) +
                       at_row(i));
    }
  }
  X.sorted = !scan.falls;
}

}  // namespace

void check_csr(MatrixView& X, int64_t n_entries, const Poll& poll) {
  Layouts::for_each([&]<class Layout>(int layout) {
    if constexpr (Layout::width == 1) {
      if (layout == X.layout) check<Layout>(X, n_entries, poll);
    }
  });
}

}  // namespace softmargin
