// Lasso penalty: alpha ||W||_1.
#pragma once

#include "penalty.h"

namespace softmargin {
namespace {

struct L1 {
  static constexpr PenaltyTraits traits{
      "l1", "L1", "Lasso penalty: alpha ||W||_1; a proximal step inside every rule.", 1, {kAlpha}};

  static double l1([[maybe_unused]] const double* p) { return p[0]; }
  static double l2([[maybe_unused]] const double* p) { return 0; }

  template <class T>
  struct Weights {
    T alpha;
    double threshold;
    explicit Weights(const double* p) : alpha(T(p[0])), threshold(p[0]) {}
    T gradient(T) const { return T(0); }
    T subgradient(T w) const { return w > T(0) ? alpha : w < T(0) ? -alpha : T(0); }
    T value(T w) const { return alpha * magnitude(w); }
  };
};

}  // namespace
}  // namespace softmargin
