// The functions of math.h over an array, for the tests that measure their errors.
#pragma once

#include "../math.h"

namespace softmargin {

enum class Function { exp, log, log1p };

namespace {

// y [n] = f(x [n]).
template <class T>
void apply(Function f, const T* x, int64_t n, T* y) {
  if (f == Function::exp) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = exp(x[i]);
  } else if (f == Function::log) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = log(x[i]);
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = log1p(x[i]);
  }
}

}  // namespace
}  // namespace softmargin
