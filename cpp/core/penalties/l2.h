// Ridge penalty: alpha/2 ||W||^2.
#pragma once

#include "penalty.h"

namespace softmargin {
namespace {

struct L2 {
  static constexpr PenaltyTraits traits{"l2", "L2", "Ridge penalty: alpha/2 ||W||^2.", 1, {kAlpha}};

  static double l1([[maybe_unused]] const double* p) { return 0; }
  static double l2([[maybe_unused]] const double* p) { return p[0]; }

  template <class T>
  struct Weights {
    T alpha;
    static constexpr double threshold = 0;
    explicit Weights(const double* p) : alpha(T(p[0])) {}
    T gradient(T w) const { return alpha * w; }
    T subgradient(T w) const { return alpha * w; }
    T value(T w) const { return T(0.5) * alpha * w * w; }
  };
};

}  // namespace
}  // namespace softmargin
