// Absolute error of each output: |s - y|; derivative sign(s - y), 0 at 0.
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct Mae : EachOutput<Mae> {
  static constexpr LossTraits traits{"mae", Target::real, true, false, false, false, false, "|s - y|"};
  static constexpr double curvature(int64_t) { return kNoBound; }

  template <class T>
  static ValueAndDerivative<T> at(T s, T y, T, T) {
    const T residual = s - y;
    return {magnitude(residual), residual > T(0) ? T(1) : residual < T(0) ? T(-1) : T(0)};
  }
};

}  // namespace
}  // namespace softmargin
