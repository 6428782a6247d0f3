// The scratch of every thread of a region, in one allocation.
#pragma once

#include "buffer.h"
#include "kernels/table.h"
#include "packed.h"

namespace softmargin {

template <class T>
class Workspace {
 public:
  Workspace(int width, int64_t n_outputs, int threads)
      : staged_(width == kPanel ? kTileRows * kFeatureTile : 0),
        targets_(whole_lines(2 * n_outputs * kTileRows)),
        accumulators_(width == kPanel ? kScoreOutputs * kAccumulatorRows * kElements : whole_lines(n_outputs)),
        memory_(threads * (staged_ + targets_ + accumulators_)) {}

  Scratch<T> scratch(int rank, int64_t prefetched_rows = kTileRows) {
    T* own = of(rank);
    return {own, prefetched_rows, own + staged_ + targets_};
  }
  T* targets(int rank) { return of(rank) + staged_; }

 private:
  static constexpr int64_t kElements = 64 / sizeof(T);  // of a cache line, and of the widest vector

  static int64_t whole_lines(int64_t n) { return round_up(n, kElements); }

  T* of(int rank) { return memory_.data() + rank * (staged_ + targets_ + accumulators_); }

  int64_t staged_, targets_, accumulators_;  // elements of one thread
  Buffer<T> memory_;
};

}  // namespace softmargin
