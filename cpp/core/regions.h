// How long work is cut into parallel regions of about 20 ms, so that signals are answered between them.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

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

// Work of fewer multiply-adds than this runs on one thread unless a number is asked for: it takes some 0.2 ms there,
// and while a region costs a microsecond on an idle machine, on a busy one its threads wait milliseconds for each
// other.
inline constexpr double kSmallWork = 4e6;

inline int threads_for(int num_threads, double multiply_adds) {
  if (num_threads > 0) return num_threads;
  return multiply_adds < kSmallWork ? 1 : default_threads();
}

// The share [begin, end) of `count` things that falls to one rank.
struct Share {
  int64_t begin, end;
};

inline Share share_of(int64_t count, int rank, int size) { return {count * rank / size, count * (rank + 1) / size}; }

// Shares for each thread, where their number is free: enough that the threads end together.
inline constexpr int kSharesOfThread = 4;

// What a turn leaves of a share.
inline constexpr double kRest = 0.25;

// The shares that no thread is at, for the threads of a region.
class FreeShares {
 public:
  explicit FreeShares(const std::vector<Share>& shares);

  // The one with the most left, of several the first; shares.size(): none that is free has any.
  std::size_t take();
  void give_back(std::size_t s);
  int64_t left(std::size_t s) const { return shares_[s].end - shares_[s].begin; }
  // Whether any is left; to be called by one thread.
  bool any() const;

 private:
  const std::vector<Share>& shares_;
  std::vector<bool> taken_;
  std::mutex lock_;
};

// Works off the shares in regions of kRegionSeconds. work(team, s) moves shares[s].begin on by a piece that takes far
// less; the pieces of a share follow each other, and do not depend on the time or on the thread.
//
// A thread takes the share with the most left, works it off down to `rest` of that and takes the next: all come to
// their end together, and a thread that something else has kept from its work is helped by the others. Each turn begins
// with rows that nothing has asked for ahead, so there should be few.
template <class F>
void in_regions(int threads, std::vector<Share>& shares, const Poll& poll, F&& work, double rest = kRest) {
  FreeShares free(shares);
  do {
    parallel(threads, [&](Team& team) {
      const Stopwatch watch;
      for (std::size_t s = free.take(); s < shares.size(); s = free.take()) {
        const auto stop = static_cast<int64_t>(rest * static_cast<double>(free.left(s)));
        do work(team, s);
        while (free.left(s) > stop && watch.seconds() < kRegionSeconds);
        free.give_back(s);
        if (watch.seconds() >= kRegionSeconds) break;
      }
    });
    poll();
  } while (free.any());
}

}  // namespace softmargin
