// exp, log and log1p without branches or tables, so that a loop over lanes becomes vector code in every instruction
// set.
//
// Errors, measured against long double over the range that occurs (tests/test_math.py): exp <= 1.25 ulp (0.9 with fused
// multiply-add), log and log1p <= 2 ulp.
#pragma once

#include <cstdint>
#include <limits>

#include "views.h"

namespace softmargin {
namespace {

// Runs f(r) for the lanes (rows) r = 0 .. kTileRows - 1 of a tile; lanes do not depend on each other. Eight at a time
// divide a tile; of sixteen float32 a third would be left over (softmax of 10 outputs, AVX-512: 270 ns a tile, 172 so).
template <class F>
[[gnu::always_inline]] inline void lanes(F&& f) {
#pragma omp simd simdlen(8)
  for (int r = 0; r < kTileRows; ++r) f(r);
}

template <class T>
struct FloatBits;

template <>
struct FloatBits<float> {
  using Int = std::int32_t;
  using Unsigned = std::uint32_t;
  static constexpr int mantissa = 23;
  static constexpr Int bias = 127;
  static constexpr float round = 12582912.0f;       // 1.5 * 2^23: adding it rounds to an integer in the low bits
  static constexpr float ln2_hi = 0.693359375f;     // 9 bits: n * ln2_hi is exact for |n| < 2^15
  static constexpr float ln2_lo = -2.12194440e-4f;  // ln 2 - ln2_hi
  static constexpr float exp_min = -86.643394f;     // 125 ln 2: below it the result is 0
  static constexpr float exp_max = 88.72283f;       // ln of the largest number
  static constexpr int exp_degree = 7;              // r^8 / 8! at r = ln2 / 2: 5e-9
  static constexpr int log_terms = 5;               // z^5 / 11 at z = 0.0295: 2e-9
  static constexpr int log1p_terms = 8;             // z^8 / 17 at z = 1/9: 1.4e-9
};

template <>
struct FloatBits<double> {
  using Int = std::int64_t;
  using Unsigned = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr Int bias = 1023;
  static constexpr double round = 6755399441055744.0;           // 1.5 * 2^52
  static constexpr double ln2_hi = 0.693147180369123816490;     // 32 bits: n * ln2_hi is exact for |n| < 2^20
  static constexpr double ln2_lo = 1.90821492927058770002e-10;  // ln 2 - ln2_hi
  static constexpr double exp_min = -707.7032713517043;         // 1021 ln 2
  static constexpr double exp_max = 709.782712893384;
  static constexpr int exp_degree = 13;   // r^14 / 14!: 4e-18
  static constexpr int log_terms = 11;    // z^11 / 23: 6e-19
  static constexpr int log1p_terms = 17;  // z^17 / 35: 1.7e-18
};

template <class T>
inline T maximum(T a, T b) {
  return a > b ? a : b;
}

template <class T>
inline T minimum(T a, T b) {
  return a < b ? a : b;
}

template <class T>
inline T magnitude(T a) {
  return sizeof(T) == 4 ? static_cast<T>(__builtin_fabsf(static_cast<float>(a)))
                        : static_cast<T>(__builtin_fabs(static_cast<double>(a)));
}

// e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln2 / 2, and the Taylor polynomial of e^r, which is returned.
// scale = 2^(n + shift). x lies within exp_min and exp_max.
template <class T>
inline T exp_reduced(T x, int shift, T* scale) {
  using B = FloatBits<T>;
  constexpr T log2_e = T(1.44269504088896340736);
  const T shifted = x * log2_e + B::round;
  const T n = shifted - B::round;
  T r = x - n * B::ln2_hi;
  r -= n * B::ln2_lo;
  T factorial = 1;
  for (int i = 2; i <= B::exp_degree; ++i) factorial *= T(i);
  T p = T(1) / factorial;
#pragma GCC unroll 16
  for (int i = B::exp_degree; i >= 1; --i) {
    factorial /= T(i);  // exact, and so is the last coefficient: e^0 = 1
    p = p * r + T(1) / factorial;
  }
  using U = typename B::Unsigned;
  const U bits = __builtin_bit_cast(U, shifted) + U(B::bias + shift);
  *scale = __builtin_bit_cast(T, static_cast<U>(bits << B::mantissa));
  return p;
}

// e^x. Below exp_min the result is 0 (no denormals), above exp_max infinity.
template <class T>
inline T exp(T x) {
  using B = FloatBits<T>;
  // 2^n in two factors, so that n = 128 (1024) does not leave the exponent's range.
  T scale;
  const T p = exp_reduced(minimum(maximum(x, B::exp_min), B::exp_max), -1, &scale);
  const T value = p * scale * T(2);
  const T low = x < B::exp_min ? T(0) : value;
  return x > B::exp_max ? std::numeric_limits<T>::infinity() : low;
}

// e^x for x <= 0, the same bits as exp: a fifth less to do.
template <class T>
inline T exp_of_negative(T x) {
  using B = FloatBits<T>;
  T scale;
  const T p = exp_reduced(maximum(x, B::exp_min), 0, &scale);
  return x < B::exp_min ? T(0) : p * scale;
}

// 2 s (1 + z/3 + z^2/5 + ...) with z = s^2: log((1 + s) / (1 - s)) by the series of the inverse hyperbolic tangent.
template <class T, int terms>
inline T twice_atanh(T s) {
  const T z = s * s;
  T p = T(1) / T(2 * terms + 1);
#pragma GCC unroll 20
  for (int i = terms - 1; i >= 1; --i) p = p * z + T(1) / T(2 * i + 1);
  return T(2) * s + T(2) * s * (z * p);
}

// log x for normal x > 0: x = 2^e m, sqrt(1/2) <= m < sqrt(2), log m = 2 atanh((m - 1) / (m + 1)).
template <class T>
inline T log(T x) {
  using B = FloatBits<T>;
  using U = typename B::Unsigned;
  constexpr U sqrt_half = __builtin_bit_cast(U, T(0.70710678118654752440));
  const U offset = __builtin_bit_cast(U, x) - sqrt_half;
  const U mantissa_mask = (U(1) << B::mantissa) - 1;
  const T m = __builtin_bit_cast(T, static_cast<U>((offset & mantissa_mask) + sqrt_half));
  // The exponent as a floating number without an integer conversion (AVX2 has none for 64 bits): put it (biased, >= 0)
  // into the low bits of `round` and subtract.
  const U biased = (offset >> B::mantissa) ^ (U(1) << (sizeof(T) * 8 - 1 - B::mantissa));
  const U half = U(1) << (sizeof(T) * 8 - 1 - B::mantissa);
  const T e = __builtin_bit_cast(T, static_cast<U>(__builtin_bit_cast(U, B::round) + biased)) - (B::round + T(half));
  const T s = (m - T(1)) / (m + T(1));
  return e * B::ln2_hi + (twice_atanh<T, B::log_terms>(s) + e * B::ln2_lo);
}

// log(1 + u) for 0 <= u <= 1, accurate for tiny u: 2 atanh(u / (2 + u)).
template <class T>
inline T log1p(T u) {
  return twice_atanh<T, FloatBits<T>::log1p_terms>(u / (T(2) + u));
}

// x log x for x >= 0, 0 at 0 (and below the smallest normal number, where it is less than 1e-35).
template <class T>
inline T negative_entropy(T x) {
  constexpr T tiny = std::numeric_limits<T>::min();
  return x > tiny ? x * log(maximum(x, tiny)) : T(0);
}

}  // namespace
}  // namespace softmargin
