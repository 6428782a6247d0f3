// Elastic net: alpha (rho ||W||_1 + (1 - rho)/2 ||W||^2), rho = l1_ratio.
//
// Source: Zou and Hastie, JRSS B 67 (2005), in the parametrisation of glmnet.
#pragma once

#include "penalty.h"

namespace softmargin {
namespace {

struct ElasticNet {
  static constexpr PenaltyTraits traits{
      "elasticnet",
      "ElasticNet",
      "Elastic net: alpha (l1_ratio ||W||_1 + (1 - l1_ratio)/2 ||W||^2).",
      2,
      {kAlpha, {"l1_ratio", {0, 0}, 1, true, 0, 1, false, false, "share of the l1 part, 0 to 1"}}};

  static double l1([[maybe_unused]] const double* p) { return p[0] * p[1]; }
  static double l2([[maybe_unused]] const double* p) { return p[0] * (1 - p[1]); }

  template <class T>
  struct Weights {
    T l1, l2;
    double threshold;
    explicit Weights(const double* p) : l1(T(p[0] * p[1])), l2(T(p[0] * (1 - p[1]))), threshold(p[0] * p[1]) {}
    T gradient(T w) const { return l2 * w; }
    T subgradient(T w) const { return l2 * w + (w > T(0) ? l1 : w < T(0) ? -l1 : T(0)); }
    T value(T w) const { return l1 * magnitude(w) + T(0.5) * l2 * w * w; }
  };
};

}  // namespace
}  // namespace softmargin
