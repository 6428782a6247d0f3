// A vector of elements as they are stored, converted to T in registers.
#pragma once

#include "../kernels/simd.h"
#include "half.h"

#if defined(__SSE4_1__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace softmargin {
namespace {

template <class A, class B>
inline constexpr bool same = false;
template <class A>
inline constexpr bool same<A, A> = true;

template <class T, class E>
[[gnu::always_inline]] inline T element_as(E x) {
  if constexpr (same<E, Half>) {
    return static_cast<T>(widen(x));
  } else {
    return static_cast<T>(x);
  }
}

#if defined(__SSE4_1__)
[[gnu::always_inline]] inline __m128i four_bytes(const std::uint8_t* p) {
  int bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return _mm_cvtsi32_si128(bits);
}
#endif

#if defined(__AVX512F__)
// A mask of all lanes changes no instruction; without one GCC 12 warns of the uninitialised vector in its own headers.
inline constexpr unsigned char kAll8 = 0xff;
inline constexpr unsigned short kAll16 = 0xffff;
#endif

// Intrinsics where the compiler does not find the instructions: from the loop below GCC 12 loads uint8 one by one.
template <class T, class E>
[[gnu::always_inline]] inline Vec<T> load_as(const E* p) {
  constexpr int width = Simd<T>::width;
  if constexpr (same<E, T>) {
    return load(p);
#if defined(__AVX512F__)
  } else if constexpr (same<E, std::uint8_t> && width == 16) {
    return _mm512_maskz_cvtepi32_ps(
        kAll16, _mm512_maskz_cvtepu8_epi32(kAll16, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  } else if constexpr (same<E, std::uint8_t> && width == 8) {
    return _mm512_maskz_cvtepi32_pd(kAll8, _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  } else if constexpr (same<E, Half> && width == 16) {
    return _mm512_maskz_cvtph_ps(kAll16, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  } else if constexpr (same<E, Half> && width == 8) {
    return _mm512_maskz_cvtps_pd(kAll8, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  } else if constexpr (same<E, float> && width == 8) {
    return _mm512_maskz_cvtps_pd(kAll8, _mm256_loadu_ps(p));
#elif defined(__AVX2__)
  } else if constexpr (same<E, std::uint8_t> && width == 8) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  } else if constexpr (same<E, std::uint8_t> && width == 4) {
    return _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(four_bytes(p)));
  } else if constexpr (same<E, Half> && width == 8) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  } else if constexpr (same<E, Half> && width == 4) {
    return _mm256_cvtps_pd(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  } else if constexpr (same<E, float> && width == 4) {
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
#elif defined(__SSE4_1__)
  } else if constexpr (same<E, std::uint8_t> && width == 4) {
    return _mm_cvtepi32_ps(_mm_cvtepu8_epi32(four_bytes(p)));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  } else if constexpr (same<E, Half> && width == 4) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(p))));
#endif
  } else {
    Vec<T> v{};
    for (int i = 0; i < width; ++i) v[i] = element_as<T>(p[i]);
    return v;
  }
}

// What a block of registers does with the rows it converts: the first of several blocks of outputs writes them down as
// T, the others read that.
enum class Keep { none, write, read };

template <Keep keep, class E, class T>
[[gnu::always_inline]] inline Vec<T> through(const E* p, T* kept) {
  if constexpr (keep == Keep::read) return load(kept);
  const Vec<T> value = load_as<T>(p);
  if constexpr (keep == Keep::write) store(kept, value);
  return value;
}

}  // namespace
}  // namespace softmargin
