// float16, stored as 16-bit integers, and one of them widened to float32 by shift and multiply; element.h has vectors.
#pragma once

#include "../views.h"

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

}  // namespace
}  // namespace softmargin
