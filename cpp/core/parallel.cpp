// The only place with an omp parallel: regions, thread counts and forks.
#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <mutex>
#include <sstream>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif
#if !defined(_WIN32)
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>
#endif

namespace softmargin {
namespace detail {

struct Region {
  int size;
  // The first phase in which a thread threw. Only threads that saw no failure come to a later phase, so all threads
  // that throw write the same number here.
  std::atomic<int64_t> failed_phase{std::numeric_limits<int64_t>::max()};
  std::mutex mutex;  // of the two below; taken only by threads that throw
  int failed_rank = std::numeric_limits<int>::max();
  std::exception_ptr error;
};

void barrier([[maybe_unused]] Region* region) {
#if defined(_OPENMP)
  if (region->size > 1) {
#pragma omp barrier
  }
#endif
}

void record(Region* region, int rank, int64_t phase) noexcept {
  const std::lock_guard lock(region->mutex);
  region->failed_phase.store(phase, std::memory_order_relaxed);  // the barrier orders it before the question
  if (rank < region->failed_rank) {
    region->failed_rank = rank;
    region->error = std::current_exception();
  }
}

bool failed(const Region* region, int64_t phase) {
  return region->failed_phase.load(std::memory_order_relaxed) <= phase;
}

namespace {

std::atomic<bool> fork_handler{true};

// A forked child has none of the runtime's threads, but libgomp still waits for them. Let go of the pool before the
// fork: parent and child each start a new one when they next need it.
[[maybe_unused]] void survive_forks() {
#if defined(_OPENMP) && !defined(_WIN32)
  static std::once_flag once;
  const auto prepare = [] {
    if (fork_handler.load()) omp_pause_resource_all(omp_pause_hard);
  };
  std::call_once(once, [prepare] { pthread_atfork(prepare, nullptr, nullptr); });
#endif
}

}  // namespace

void run(int num_threads, Body body, void* context) {
  Region region{.size = 1};
#if defined(_OPENMP)
  if (num_threads > 1) {
    survive_forks();
#pragma omp parallel num_threads(num_threads)
    {
      // A runtime may give fewer threads than asked for. All threads write the same number before any can read it.
#pragma omp single
      region.size = omp_get_num_threads();
      body(context, &region, omp_get_thread_num(), region.size);
    }
    if (region.error) std::rethrow_exception(region.error);
    return;
  }
#endif
  (void)num_threads;
  body(context, &region, 0, 1);
  if (region.error) std::rethrow_exception(region.error);
}

}  // namespace detail

namespace {

std::atomic<int> chosen_threads{0};

constexpr const char* kProcessors = "number of processors";
constexpr const char* kAffinity = "CPU affinity";

struct ThreadCount {
  int n;
  const char* reason;
};

// The quota in CPUs of one control group's folder, 0 if it has none. Version 2 has one file "quota period", version 1
// two; "max" and -1 mean no quota, and do not parse as a positive number.
double quota_of(const std::string& folder) {
  double quota = 0, period = 0;
  if (std::ifstream file(folder + "/cpu.max"); file >> quota >> period && quota > 0 && period > 0)
    return quota / period;
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) return quota / period;
  return 0;
}

bool has_cpu_controller(const std::string& controllers) {
  std::stringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');)
    if (name == "cpu") return true;
  return false;
}

#if defined(_OPENMP)

// The processors that the affinity mask of this thread leaves, 0 if unknown.
int affinity_cpus() {
#if defined(__linux__)
  cpu_set_t mask;  // 1024 processors; with more the call fails and the mask does not count
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) return CPU_COUNT(&mask);
#endif
  return 0;
}

// Whether OMP_NUM_THREADS is a list of numbers of at least 1: what is none the runtime ignores.
bool says_threads(const char* variable) {
  if (variable == nullptr) return false;
  std::stringstream list(std::string(variable) + ',');
  for (std::string one; std::getline(list, one, ',');) {
    char* end = nullptr;
    if (std::strtol(one.c_str(), &end, 10) < 1 || one.find_first_not_of(" \t", end - one.c_str()) != std::string::npos)
      return false;
  }
  return true;
}

ThreadCount count_threads() {
  // What the runtime says before anybody asks for another number. Taken at the first question; threadpoolctl, whose
  // limits belong to the calling thread, shows as a difference to it.
  static const int initial = omp_get_max_threads();
  static const int quota = cgroup_cpus("/sys/fs/cgroup", "/proc/self/cgroup");
  const int now = omp_get_max_threads();
  if (now != initial && now != omp_get_num_procs()) return {now, "omp_set_num_threads (as by threadpoolctl)"};
  if (says_threads(std::getenv("OMP_NUM_THREADS"))) return {now, "OMP_NUM_THREADS"};
  ThreadCount count{now, kProcessors};
  if (const int affinity = affinity_cpus(); affinity > 0 && affinity <= count.n) count = {affinity, kAffinity};
  if (quota > 0 && quota < count.n) count = {quota, "CPU quota of the control group"};
  return count;
}

#else

ThreadCount count_threads() { return {1, "built without OpenMP"}; }

#endif

ThreadCount default_count() {
  if (const int n = chosen_threads.load(); n > 0) return {n, "set_num_threads"};
  return count_threads();
}

}  // namespace

int cgroup_cpus(const std::string& mount, const std::string& membership) {
  double cpus = 0;
  const auto take = [&cpus](double quota) {
    if (quota > 0) cpus = cpus > 0 ? std::min(cpus, quota) : quota;
  };
  std::ifstream file(membership);
  for (std::string line; std::getline(file, line);) {  // hierarchy-ID:controllers:path; version 2 has no controllers
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && !has_cpu_controller(controllers)) continue;
    const std::string root = controllers.empty() ? mount : mount + "/" + controllers;
    // In a container the path may be the host's, of which nothing is mounted: the walk ends at the root all the same.
    for (std::string path = line.substr(second + 1);;) {
      take(quota_of(root + path));
      if (path.empty()) break;
      path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
    }
  }
  return static_cast<int>(std::ceil(cpus));
}

int default_threads() { return std::max(1, default_count().n); }

std::string default_threads_reason() {
  const ThreadCount count = default_count();
#if defined(_SC_NPROCESSORS_ONLN)
  // An affinity mask of all processors says no more than their number, but costs a file to find out: only here.
  if (count.reason == kAffinity && count.n >= sysconf(_SC_NPROCESSORS_ONLN)) return kProcessors;
#endif
  return count.reason;
}

void set_default_threads(int n) { chosen_threads.store(n); }

void set_fork_handler(bool enabled) { detail::fork_handler.store(enabled); }

OpenMPInfo openmp_info() {
#if defined(_OPENMP)
  OpenMPInfo info{_OPENMP, ""};
#if !defined(_WIN32)
  Dl_info found;
  if (dladdr(reinterpret_cast<const void*>(&omp_get_max_threads), &found) != 0 && found.dli_fname != nullptr)
    info.library = found.dli_fname;
#endif
  return info;
#else
  return {0, ""};
#endif
}

}  // namespace softmargin
