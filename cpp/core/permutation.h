// The order of the samples in an epoch: a function of (seed, epoch) and nothing else.
#pragma once

#include "regions.h"
#include "views.h"

namespace softmargin {

// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
inline std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Swaps between two polls: some 10 ms where each misses the caches.
inline constexpr int64_t kSwapsAtOnce = int64_t{1} << 17;

// Fisher-Yates; the bounded number is the high half of a 128-bit product (Lemire 2019), biased by at most n / 2^64.
inline void permutation(int64_t n, std::uint64_t seed, std::uint64_t epoch, int64_t* order, const Poll& poll) {
  constexpr std::uint64_t golden = 0x9E3779B97F4A7C15u;
  const std::uint64_t key = mix(seed ^ mix(epoch + golden));
  for (int64_t i = 0; i < n; ++i) order[i] = i;
  for (int64_t i = n - 1; i > 0; --i) {
    if (i % kSwapsAtOnce == 0) poll();
    const std::uint64_t u = mix(key + static_cast<std::uint64_t>(i) * golden);
    const auto j = static_cast<int64_t>(static_cast<unsigned __int128>(u) * static_cast<std::uint64_t>(i + 1) >> 64);
    const int64_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}

}  // namespace softmargin
