// Huber loss of each output: r^2 / 2 for |r| <= delta, else delta (|r| - delta / 2), r = s - y; derivative r clipped to
// +-delta.
//
// Source: Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35 (1964).
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct Huber : EachOutput<Huber> {
  static constexpr LossTraits traits{
      "huber", Target::real, true, true,
      false,   false,        true, "r^2 / 2 for |r| <= delta, else delta (|r| - delta / 2), r = s - y",
      1.0,     kNoBound};
  static constexpr double curvature(int64_t) { return 1.0; }

  template <class T>
  static Curve<T> at(T s, T y, T, T delta) {
    const T residual = s - y;
    const T clipped = maximum(minimum(residual, delta), -delta);
    return {clipped * (residual - clipped * T(0.5)), clipped, clipped == residual ? T(1) : T(0)};
  }

  template <class T>
  static T conjugate_at(T a, T y, T, T) {
    return a * (y + T(0.5) * a);
  }
};

}  // namespace
}  // namespace softmargin
