// Squared error of each output: (s - y)^2, without the 1/2; derivative 2 (s - y).
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct Mse : EachOutput<Mse> {
  static constexpr LossTraits traits{"mse", Target::real, true, true, false, false, false, "(s - y)^2"};
  static constexpr double curvature(int64_t) { return 2.0; }

  template <class T>
  static ValueAndDerivative<T> at(T s, T y, T, T) {
    const T residual = s - y;
    return {residual * residual, T(2) * residual};
  }
};

}  // namespace
}  // namespace softmargin
