// Absolute error of each output: |s - y|; derivative sign(s - y), 0 at 0.
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct Mae : EachOutput<Mae> {
  static constexpr LossTraits traits{"mae", Target::real, true, false, false, false, false, "|s - y|", 1.0, kNoBound};
  static constexpr double curvature(int64_t) { return kNoBound; }

  template <class T>
  static Curve<T> at(T s, T y, T, T) {
    const T residual = s - y;
    return {magnitude(residual), residual > T(0) ? T(1) : residual < T(0) ? T(-1) : T(0), T(0)};
  }

  template <class T>
  static T conjugate_at(T a, T y, T, T) {
    return a * y;
  }

  template <class T>
  static Ramp<T> ramp(T y, T, T) {
    return {y, T(-1), T(1)};
  }
};

}  // namespace
}  // namespace softmargin
