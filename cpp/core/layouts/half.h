// float16, stored as 16-bit integers, widened to float32: by F16C, AVX-512 or NEON, else by shift and multiply.
#pragma once

#include "../views.h"

#if defined(__F16C__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace softmargin {
namespace {

// Storage of a float16; a type of its own, so that it is not taken for an integer.
struct Half {
  std::uint16_t bits;
};

// The exponent moves from bias 15 to bias 127 by a multiplication with 2^112, which also normalises denormals; infinity
// and NaN keep their exponent of all ones.
inline float widen(Half h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h.bits & 0x8000u) << 16;
  const std::uint32_t rest = static_cast<std::uint32_t>(h.bits & 0x7fffu) << 13;
  const float scaled = __builtin_bit_cast(float, rest) * 0x1p112f;
  const std::uint32_t special = (h.bits & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  return __builtin_bit_cast(float, sign | special | __builtin_bit_cast(std::uint32_t, scaled));
}

inline void widen_row(const Half* in, int64_t n, float* out) {
  int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i))));
  }
#elif defined(__ARM_NEON) && defined(__aarch64__)
  for (; i + 4 <= n; i += 4) {
    vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(in + i)))));
  }
#endif
  for (; i < n; ++i) out[i] = widen(in[i]);
}

inline void widen_row(const Half* in, int64_t n, double* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<double>(widen(in[i]));
}

}  // namespace
}  // namespace softmargin
