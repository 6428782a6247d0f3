// Vectors of the instruction set this file is compiled for, by the vector extension of GCC and Clang.
#pragma once

#include <utility>

#include "../views.h"

namespace softmargin {
namespace {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kRegisters = 16;
#elif defined(__ARM_NEON)
inline constexpr int kVectorBytes = 16;
inline constexpr int kRegisters = 32;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kRegisters = 16;
#endif

template <class T>
struct Simd {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  typedef T unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
  static constexpr int width = kVectorBytes / static_cast<int>(sizeof(T));
};

template <class T>
using Vec = typename Simd<T>::type;

template <class T>
[[gnu::always_inline]] inline Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename Simd<T>::unaligned*>(p);
}

template <class T>
[[gnu::always_inline]] inline void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename Simd<T>::unaligned*>(p) = v;
}

template <class T>
[[gnu::always_inline]] inline Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

// Half of a vector, and its two halves added.
template <class T>
struct HalfSimd {
  typedef T type __attribute__((vector_size(kVectorBytes / 2)));
};

template <class T, int... i>
[[gnu::always_inline]] inline typename HalfSimd<T>::type halves(Vec<T> v, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(v, v, i...) + __builtin_shufflevector(v, v, (i + static_cast<int>(sizeof...(i)))...);
}

template <class T>
[[gnu::always_inline]] inline typename HalfSimd<T>::type halves(Vec<T> v) {
  return halves<T>(v, std::make_integer_sequence<int, Simd<T>::width / 2>{});
}

// In each block of 2 half lanes: [a_low + a_high | b_low + b_high].
template <int half, class V, int... i>
[[gnu::always_inline]] inline V fold(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int n = sizeof...(i);
  const V low = __builtin_shufflevector(a, b, (i % (2 * half) < half ? i : n + i - half)...);
  const V high = __builtin_shufflevector(a, b, (i % (2 * half) < half ? i + half : n + i)...);
  return low + high;
}

template <int half, int n, class V>
[[gnu::always_inline]] inline void fold_all(V* v) {
  for (int i = 0; i < half; ++i) v[i] = fold<half>(v[i], v[i + half], std::make_integer_sequence<int, n>{});
  if constexpr (half > 1) fold_all<half / 2, n>(v);
}

// The sums across lanes of as many vectors as one has lanes, as one vector: lane i is the sum of v[i]. v is
// overwritten.
template <class T, class V>
[[gnu::always_inline]] inline V sums(V* v) {
  constexpr int n = sizeof(V) / sizeof(T);
  fold_all<n / 2, n>(v);
  return v[0];
}

}  // namespace
}  // namespace softmargin
