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

// In each block of 2 half lanes: [a_low + a_high | b_low + b_high].
template <class T, int half, int... i>
[[gnu::always_inline]] inline Vec<T> fold(Vec<T> a, Vec<T> b, std::integer_sequence<int, i...>) {
  constexpr int n = Simd<T>::width;
  const Vec<T> low = __builtin_shufflevector(a, b, (i % (2 * half) < half ? i : n + i - half)...);
  const Vec<T> high = __builtin_shufflevector(a, b, (i % (2 * half) < half ? i + half : n + i)...);
  return low + high;
}

template <class T, int half>
[[gnu::always_inline]] inline void fold_all(Vec<T>* v) {
  for (int i = 0; i < half; ++i)
    v[i] = fold<T, half>(v[i], v[i + half], std::make_integer_sequence<int, Simd<T>::width>{});
  if constexpr (half > 1) fold_all<T, half / 2>(v);
}

// The sums across lanes of `width` vectors as one vector: lane i is the sum of v[i]. v is overwritten.
template <class T>
[[gnu::always_inline]] inline Vec<T> sums(Vec<T>* v) {
  fold_all<T, Simd<T>::width / 2>(v);
  return v[0];
}

}  // namespace
}  // namespace softmargin
