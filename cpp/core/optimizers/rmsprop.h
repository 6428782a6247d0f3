// RMSprop: v = alpha v + (1 - alpha) g^2, w -= lr g / (sqrt(v) + eps).
//
// Source: Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012.
#pragma once

#include "optimizer.h"

namespace softmargin {
namespace {

struct RmsProp {
  static constexpr OptimizerTraits traits{
      "RMSprop",
      "RMSprop: v = alpha v + (1 - alpha) g^2, w -= lr g / (sqrt(v) + eps).",
      4,
      {learning_rate(1e-2),
       {"alpha", {0.99, 0}, 1, false, 0, 1, false, true, "share of the mean square that is kept"},
       epsilon(1e-8),
       weight_decay(0)},
      1,
      {"square_avg"}};

  static int n_states(const double*) { return 1; }

  static void constants(const double* p, int64_t, double* out) {
    out[0] = p[0];
    out[1] = p[1];
    out[2] = 1 - p[1];
    out[3] = p[2];
    out[4] = p[3];
  }

  template <class T>
  struct Step {
    T lr, keep, take, eps, decay;
    explicit Step(const double* k) : lr(T(k[0])), keep(T(k[1])), take(T(k[2])), eps(T(k[3])), decay(T(k[4])) {}

    T step(T& w, T g, T& v, T&) const {
      g += decay * w;
      v = keep * v + take * (g * g);
      const T h = lr / (square_root(v) + eps);
      w -= h * g;
      return h;
    }
  };
};

}  // namespace
}  // namespace softmargin
