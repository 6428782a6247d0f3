// One scan of indptr and one of the indices, both without branches inside a row.
#include "csr_check.h"

#include <string>

#include "errors.h"
#include "layouts/registry.h"

namespace softmargin {
namespace {

std::string at_row(int64_t i) { return " at row " + std::to_string(i); }

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
  bool sorted = true;
  for (int64_t i = 0; i < X.n_samples; ++i) {
    look_up(i);
    const auto e = Layout::row(X, i);
    bool outside = false, falls = false;
    for (int64_t p = 0; p < e.count; ++p)
      outside |= static_cast<std::uint64_t>(e.indices[p]) >= static_cast<std::uint64_t>(X.n_features);
    for (int64_t p = 1; p < e.count; ++p) falls |= e.indices[p] <= e.indices[p - 1];
    sorted = sorted && !falls;
    if (!outside) continue;
    for (int64_t p = 0; p < e.count; ++p) {
      const auto j = static_cast<int64_t>(e.indices[p]);
      if (j >= 0 && j < X.n_features) continue;
      throw ValueError("X.indices: expected 0 to " + std::to_string(X.n_features - 1) + ", got " + std::to_string(j) +
                       at_row(i));
    }
  }
  X.sorted = sorted;
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
