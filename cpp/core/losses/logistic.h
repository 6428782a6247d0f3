// Logistic loss of each output: log(1 + exp(-t s)), t = +-1; derivative -t / (1 + exp(t s)).
//
// With z = -t s and e = exp(-|z|) <= 1: value max(z, 0) + log1p(e), which neither overflows nor cancels.
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct Logistic : EachOutput<Logistic> {
  static constexpr LossTraits traits{"logistic", Target::signs,        true, true,    false, false,
                                     false,      "log(1 + exp(-t s))", 1.0,  kNoBound};
  static constexpr double curvature(int64_t) { return 0.25; }

  template <class T>
  static Curve<T> at(T s, T t, T, T) {
    const T z = -t * s;
    const T e = exp_of_negative(-magnitude(z));
    const T sigmoid = (z > T(0) ? T(1) : e) / (T(1) + e);
    return {maximum(z, T(0)) + log1p(e), -t * sigmoid, e / ((T(1) + e) * (T(1) + e))};
  }

  // With u = -t a in [0, 1]: u log u + (1 - u) log(1 - u), 0 at both ends.
  template <class T>
  static T conjugate_at(T a, T t, T, T) {
    const T u = minimum(maximum(-t * a, T(0)), T(1));
    return negative_entropy(u) + negative_entropy(T(1) - u);
  }
};

}  // namespace
}  // namespace softmargin
