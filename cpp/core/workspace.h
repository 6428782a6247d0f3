// The scratch of every thread of a region, in one allocation each.
#pragma once

#include <vector>

#include "buffer.h"
#include "kernels/table.h"

namespace softmargin {

template <class T>
class Workspace {
 public:
  Workspace(int width, int64_t n_outputs, int threads) {
    const bool dense = width == kPanel;
    const int64_t accumulators =
        dense ? kScoreOutputs * kAccumulatorRows * 64 : n_outputs * static_cast<int64_t>(sizeof(T));
    for (int i = 0; i < threads; ++i) {
      staged_.emplace_back(dense ? kTileRows * kFeatureTile : 0);
      accumulators_.emplace_back(accumulators);
      targets_.emplace_back(2 * n_outputs * kTileRows);
    }
  }

  Scratch<T> scratch(int rank, int64_t prefetched_rows = kTileRows) {
    const auto i = static_cast<std::size_t>(rank);
    return {staged_[i].data(), prefetched_rows, accumulators_[i].data()};
  }
  T* targets(int rank) { return targets_[static_cast<std::size_t>(rank)].data(); }

 private:
  std::vector<Buffer<T>> staged_, targets_;
  std::vector<Buffer<char>> accumulators_;
};

}  // namespace softmargin
