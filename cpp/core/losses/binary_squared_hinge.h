// Squared hinge of each output: max(0, margin - t s)^2, t = +-1; derivative -2 t max(0, margin - t s).
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct BinarySquaredHinge : EachOutput<BinarySquaredHinge> {
  static constexpr LossTraits traits{"binary_squared_hinge",   Target::signs, true,    true, false, true, false,
                                     "max(0, margin - t s)^2", kNoBound,      kNoBound};
  static constexpr double curvature(int64_t) { return 2.0; }

  template <class T>
  static Curve<T> at(T s, T t, T margin, T) {
    const T excess = maximum(margin - t * s, T(0));
    return {excess * excess, T(-2) * t * excess, excess > T(0) ? T(2) : T(0)};
  }

  template <class T>
  static T conjugate_at(T a, T t, T margin, T) {
    return a * (margin * t + T(0.25) * a);
  }
};

}  // namespace
}  // namespace softmargin
