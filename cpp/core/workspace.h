// The scratch of every thread of a region, in one allocation each.
#pragma once

#include <vector>

#include "buffer.h"
#include "kernels/table.h"

namespace softmargin {

// Most bytes of converted rows a thread keeps: what stays in L2 beside W and dW. Wider rows are converted tile by tile.
inline constexpr int64_t kStagedBytes = int64_t{1} << 20;

template <class T>
class Workspace {
 public:
  Workspace(const MatrixView& X, int width, int64_t n_outputs, int threads) {
    const bool dense = width == kPanel;
    const int64_t padded = round_up(X.n_features, kPanel);
    const bool whole = kTileRows * padded * static_cast<int64_t>(sizeof(T)) <= kStagedBytes;
    features_ = whole ? maximum<int64_t>(padded, kFeatureTile) : kFeatureTile;
    // 16 elements more than a multiple of 64 bytes apart: rows never meet in the same set of the cache.
    stride_ = features_ + kPanel;
    const int64_t accumulators =
        dense ? kScoreOutputs * kAccumulatorRows * 64 : n_outputs * static_cast<int64_t>(sizeof(T));
    for (int i = 0; i < threads; ++i) {
      staged_.emplace_back(dense ? kTileRows * stride_ : 0);
      accumulators_.emplace_back(accumulators);
      targets_.emplace_back(2 * n_outputs * kTileRows);
    }
  }

  Scratch<T> scratch(int rank, int64_t prefetched_rows = kTileRows) {
    const auto i = static_cast<std::size_t>(rank);
    return {staged_[i].data(), features_, stride_, prefetched_rows, accumulators_[i].data()};
  }
  T* targets(int rank) { return targets_[static_cast<std::size_t>(rank)].data(); }

 private:
  int64_t features_ = 0;
  int64_t stride_ = 0;
  std::vector<Buffer<T>> staged_, targets_;
  std::vector<Buffer<char>> accumulators_;
};

}  // namespace softmargin
