// Hinge of each output: max(0, margin - t s), t = +-1; derivative -t where it is positive, 0 at the kink.
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct BinaryHinge : EachOutput<BinaryHinge> {
  static constexpr LossTraits traits{"binary_hinge", Target::signs,          true, false,   false, true,
                                     false,          "max(0, margin - t s)", 1.0,  kNoBound};
  static constexpr double curvature(int64_t) { return kNoBound; }

  template <class T>
  static Curve<T> at(T s, T t, T margin, T) {
    const T excess = margin - t * s;
    return {maximum(excess, T(0)), excess > T(0) ? -t : T(0), T(0)};
  }

  template <class T>
  static T conjugate_at(T a, T t, T margin, T) {
    return margin * t * a;
  }

  template <class T>
  static Ramp<T> ramp(T t, T margin, T) {
    return {margin * t, minimum(-t, T(0)), maximum(-t, T(0))};
  }
};

}  // namespace
}  // namespace softmargin
