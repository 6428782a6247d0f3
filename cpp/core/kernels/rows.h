// Products with dense rows of double, Z [count][padded], padded to kGramPadding: scores of one output, and gradients.
#pragma once

#include "gram.h"

namespace softmargin {
namespace {

// s [count] = Z w.
inline void multiply_rows(const double* Z, int64_t padded, int64_t count, const double* w, double* s) {
  constexpr int width = Simd<double>::width;
  const auto score = [&]<int rows>(int64_t first) {
    Vec<double> sum[rows] = {};
    const double* z = Z + first * padded;
    for (int64_t j = 0; j < padded; j += width) {
      const Vec<double> weight = load(w + j);
      for (int r = 0; r < rows; ++r) sum[r] += weight * load(z + r * padded + j);
    }
    for (int r = 0; r < rows; ++r) {
      double total = 0;
      for (int lane = 0; lane < width; ++lane) total += sum[r][lane];
      s[first + r] = total;
    }
  };
  int64_t r = 0;
  for (; r + 4 <= count; r += 4) score.template operator()<4>(r);
  for (; r < count; ++r) score.template operator()<1>(r);
}

// g [padded] += Z'd.
inline void combine_rows(const double* Z, int64_t padded, int64_t count, const double* d, double* g) {
  constexpr int width = Simd<double>::width;
  for (int64_t first = 0; first < count; first += 4) {
    const double* z = Z + first * padded;
    const int rows = static_cast<int>(minimum<int64_t>(4, count - first));
    for (int64_t j = 0; j < padded; j += width) {
      Vec<double> sum = load(g + j);
      for (int r = 0; r < rows; ++r) sum += d[first + r] * load(z + r * padded + j);
      store(g + j, sum);
    }
  }
}

}  // namespace
}  // namespace softmargin
