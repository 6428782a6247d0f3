// Adagrad: sum += g^2, w -= lr_t g / (sqrt(sum) + eps), lr_t = lr / (1 + (t - 1) lr_decay).
//
// Source: Duchi, Hazan and Singer, JMLR 12 (2011).
#pragma once

#include "optimizer.h"

namespace softmargin {
namespace {

struct Adagrad {
  static constexpr OptimizerTraits traits{
      "Adagrad",
      "Adagrad: sum += g^2, w -= lr g / (sqrt(sum) + eps).",
      4,
      {learning_rate(1e-2),
       {"lr_decay", {0, 0}, 1, false, 0, 1e300, false, false, "lr is divided by 1 + (t - 1) lr_decay"},
       weight_decay(0),
       epsilon(1e-10)},
      1,
      {"sum"}};

  static int n_states(const double*) { return 1; }

  static void constants(const double* p, int64_t t, double* out) {
    out[0] = p[0] / (1 + static_cast<double>(t - 1) * p[1]);
    out[1] = p[2];
    out[2] = p[3];
  }

  template <class T>
  struct Step {
    T lr, decay, eps;
    explicit Step(const double* k) : lr(T(k[0])), decay(T(k[1])), eps(T(k[2])) {}

    T step(T& w, T g, T& sum, T&) const {
      g += decay * w;
      sum += g * g;
      const T h = lr / (square_root(sum) + eps);
      w -= h * g;
      return h;
    }
  };
};

}  // namespace
}  // namespace softmargin
