// How long work is cut into parallel regions of about 20 ms, so that signals are answered between them.
#pragma once

#include <chrono>
#include <functional>

#include "parallel.h"

namespace softmargin {

// Called between regions on the calling thread; throws Interrupted to stop.
using Poll = std::function<void()>;

inline constexpr double kRegionSeconds = 0.02;

// The time since the region began.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Work of fewer multiply-adds than this runs on one thread unless a number is asked for: a region costs about a
// microsecond on an idle machine and far more on a busy one, and this is some 50 microseconds of arithmetic.
inline constexpr double kSmallWork = 5e5;

inline int threads_for(int num_threads, double multiply_adds) {
  if (num_threads > 0) return num_threads;
  return multiply_adds < kSmallWork ? 1 : default_threads();
}

// The share [begin, end) of `count` things that falls to one rank.
struct Share {
  int64_t begin, end;
};

inline Share share_of(int64_t count, int rank, int size) { return {count * rank / size, count * (rank + 1) / size}; }

}  // namespace softmargin
