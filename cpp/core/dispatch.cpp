// Chooses the kernels for this CPU, at the first use.
#include "dispatch.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "errors.h"

#if defined(__x86_64__) || defined(_M_X64)
#define SOFTMARGIN_X86 1
#include <cpuid.h>
#endif

namespace softmargin {

// As kernels/table.h declares them, which would bring the kernels' own headers along.
extern const KernelTable table_baseline, table_avx2, table_avx512;

namespace {

struct Level {
  const char* name;
  const KernelTable* kernels;
  bool (*supported)();
};

#if defined(SOFTMARGIN_X86)

bool has_f16c() {  // not every compiler's __builtin_cpu_supports knows it
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 29)) != 0;
}

bool has_baseline() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}

// The builtin also asks (XGETBV) whether the system saves the wide registers.
bool has_avx2() {
  return has_baseline() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

constexpr Level kLevels[] = {
    {"baseline", &table_baseline, has_baseline},
    {"avx2", &table_avx2, has_avx2},
    {"avx512", &table_avx512, has_avx512},
};

#elif defined(__aarch64__) || defined(_M_ARM64)

constexpr Level kLevels[] = {{"neon", &table_baseline, [] { return true; }}};

#else

constexpr Level kLevels[] = {{"baseline", &table_baseline, [] { return true; }}};

#endif

std::atomic<const Level*> active{nullptr};

const Level& find(const std::string& level, const std::string& argument) {
  std::string choices;
  for (const Level& candidate : kLevels) {
    if (!candidate.supported()) continue;
    if (level == candidate.name) return candidate;
    choices += (choices.empty() ? "'" : ", '") + std::string(candidate.name) + "'";
  }
  std::string message = argument + ": expected one of " + choices + ", got '" + level + "'";
  for (const Level& candidate : kLevels)
    if (level == candidate.name) message += "; this CPU does not support it";
  throw ValueError(message);
}

const Level& choose() {
  if (const char* variable = std::getenv("SOFTMARGIN_SIMD"); variable != nullptr && *variable != '\0')
    return find(variable, "SOFTMARGIN_SIMD");
  const Level* best = nullptr;
  for (const Level& level : kLevels)
    if (level.supported()) best = &level;
  if (best == nullptr) throw std::runtime_error("softmargin needs a CPU with SSE4.2 and POPCNT (x86-64-v2)");
  return *best;
}

const Level& current() {
  const Level* level = active.load();
  if (level == nullptr) {
    const Level* none = nullptr;
    level = &choose();
    // A level that another thread has set meanwhile stays.
    if (!active.compare_exchange_strong(none, level)) level = none;
  }
  return *level;
}

}  // namespace

std::vector<std::string> compiled_levels() {
  std::vector<std::string> names;
  for (const Level& level : kLevels) names.emplace_back(level.name);
  return names;
}

std::vector<std::string> supported_levels() {
  std::vector<std::string> names;
  for (const Level& level : kLevels)
    if (level.supported()) names.emplace_back(level.name);
  return names;
}

std::string active_level() { return current().name; }

void set_level(const std::string& level) { active.store(&find(level, "name")); }

const KernelTable& kernels() { return *current().kernels; }

}  // namespace softmargin
