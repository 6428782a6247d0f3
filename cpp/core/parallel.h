// Runs a function on a team of threads: how many, how they wait for each other, how their exceptions come back.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <type_traits>

namespace softmargin {

// The number of threads used where none is asked for: the one of set_default_threads; else what OMP_NUM_THREADS or
// omp_set_num_threads (threadpoolctl) says; else the smallest of the processors, the affinity mask and the cgroup's
// quota.
int default_threads();
// Which of these decided, in words.
std::string default_threads_reason();
// 0 goes back to the environment's number.
void set_default_threads(int n);

// The CPUs (rounded up, at least 1) that the quotas of a control group and of its ancestors allow; 0 without a quota.
// mount is usually /sys/fs/cgroup, membership /proc/self/cgroup.
int cgroup_cpus(const std::string& mount, const std::string& membership);

// Whether a fork first lets go of the runtime's threads (it does; the tests turn it off to see that it matters).
void set_fork_handler(bool enabled);

struct OpenMPInfo {
  int date;             // _OPENMP, 0 if built without
  std::string library;  // the path of the runtime that is loaded
};
OpenMPInfo openmp_info();

namespace detail {

// What the threads of a region share.
struct Region;
// The barrier of the OpenMP runtime, for all threads of the region.
void barrier(Region* region);
// Remembers the exception being handled as thrown by `rank` before the barrier number `phase`.
void record(Region* region, int rank, int64_t phase) noexcept;
// Whether a thread threw before the barrier number `phase`.
bool failed(const Region* region, int64_t phase);

using Body = void (*)(void* context, Region* region, int rank, int size);
void run(int num_threads, Body body, void* context);

}  // namespace detail

// One thread's place in a region.
class Team {
 public:
  Team(detail::Region* region, int rank, int size) : region_(region), rank_(rank), size_(size) {}
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  // Calls f() on this thread, waits for the others' and says whether all came back: the answer is the same on all
  // threads. Once it was false, nothing is called any more. All threads must come to the same phases in the same order.
  template <class F>
  bool phase(F&& f) {
    if (failed_) return false;
    try {
      f();
    } catch (...) {
      detail::record(region_, rank_, phase_);
    }
    return meet();
  }

  // Calls body(*this) and sees to it that no thread waits for one that has thrown, wherever it threw: a thread comes to
  // one barrier after its last phase, and that is the one at which the others wait.
  template <class F>
  void run(F& body) {
    try {
      body(*this);
    } catch (...) {
      detail::record(region_, rank_, phase_);
    }
    if (!failed_) meet();
  }

 private:
  bool meet() {
    detail::barrier(region_);
    // Asks for this phase by its number: a quick thread may already have thrown in the next one, and must be met there.
    failed_ = detail::failed(region_, phase_++);
    return !failed_;
  }

  detail::Region* region_;
  int rank_;
  int size_;
  int64_t phase_ = 0;
  bool failed_ = false;
};

// Calls body(Team&) on num_threads threads (0: the default number; fewer if the runtime has no more) and comes back
// when all are done. An exception of the body is rethrown here: the one of the first phase in which a thread threw, and
// there of the lowest rank. One thread is the calling one, without OpenMP.
template <class F>
void parallel(int num_threads, F&& body) {
  using Function = std::remove_reference_t<F>;
  detail::run(
      num_threads > 0 ? num_threads : default_threads(),
      [](void* context, detail::Region* region, int rank, int size) {
        Team team(region, rank, size);
        team.run(*static_cast<Function*>(context));
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace softmargin
