// What the machine can do at most, by kernels that do nothing else: read, multiply and add, move what an update moves.
#pragma once

#include "simd.h"

namespace softmargin {
namespace {

// The sum of p [n]: one run of memory, which the hardware fetches ahead by itself.
template <class T>
T read(const T* p, int64_t n) {
  constexpr int width = Simd<T>::width, sums_at_once = 8;
  Vec<T> sum[sums_at_once] = {};
  int64_t i = 0;
  for (; i + sums_at_once * width <= n; i += sums_at_once * width) {
#pragma GCC unroll 8
    for (int s = 0; s < sums_at_once; ++s) sum[s] += load(p + i + s * width);
  }
  T total = T(0);
  for (const Vec<T>& part : sum)
    for (int lane = 0; lane < width; ++lane) total += part[lane];
  for (; i < n; ++i) total += p[i];
  return total;
}

// `rounds` multiply-adds on each of several independent vectors, enough of them to hide the latency (4 cycles on two
// ports); their number of operations. *x is read and written, so that nothing is left out.
template <class T>
double multiply_adds(int64_t rounds, T* x) {
  constexpr int chains = kRegisters - 4;
  const Vec<T> factor = broadcast(x[0]), addend = broadcast(x[1]);
  Vec<T> value[chains];  // different ones, or the compiler does equal sums once
  for (int i = 0; i < chains; ++i) value[i] = broadcast(static_cast<T>(i));
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 32
    for (int i = 0; i < chains; ++i) value[i] = value[i] * factor + addend;
  }
  for (const Vec<T>& one : value) x[0] += one[0];
  return 2.0 * static_cast<double>(rounds) * chains * Simd<T>::width;
}

// Four arrays read, three written, as by a step of Adam; hardly any arithmetic. w, g, s0, s1 [n].
template <class T>
void move_state(T* w, const T* g, T* s0, T* s1, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    w[i] += g[i];
    s0[i] += g[i];
    s1[i] += g[i];
  }
}

}  // namespace
}  // namespace softmargin
