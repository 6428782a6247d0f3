// How long work is cut into parallel regions of about 20 ms, so that signals are answered between them.
#pragma once

#include <chrono>
#include <functional>
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

// Works off the shares, each thread those that fall to it, in regions of kRegionSeconds. work(team, s) moves
// shares[s].begin on by a piece that takes far less; the pieces do not depend on the time.
template <class F>
void in_regions(int threads, std::vector<Share>& shares, const Poll& poll, F&& work) {
  for (bool more = true; more;) {
    parallel(threads, [&](Team& team) {
      const Stopwatch watch;
      const Share own = share_of(static_cast<int64_t>(shares.size()), team.rank(), team.size());
      for (auto s = static_cast<std::size_t>(own.begin); s < static_cast<std::size_t>(own.end); ++s) {
        while (shares[s].begin < shares[s].end && watch.seconds() < kRegionSeconds) work(team, s);
      }
    });
    more = false;
    for (const Share& share : shares) more = more || share.begin < share.end;
    poll();
  }
}

}  // namespace softmargin
