// Squared error of each output: (s - y)^2, without the 1/2; derivative 2 (s - y).
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct Mse : EachOutput<Mse> {
  static constexpr LossTraits traits{"mse", Target::real, true,        true,     false,
                                     false, false,        "(s - y)^2", kNoBound, kNoBound};
  static constexpr double curvature(int64_t) { return 2.0; }

  template <class T>
  static Curve<T> at(T s, T y, T, T) {
    const T residual = s - y;
    return {residual * residual, T(2) * residual, T(2)};
  }

  template <class T>
  static T conjugate_at(T a, T y, T, T) {
    return a * (y + T(0.25) * a);
  }
};

}  // namespace
}  // namespace softmargin
