// AdamW: w *= 1 - lr weight_decay, then Adam's step on the gradient without the decay.
//
// Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
#pragma once

#include "adam.h"

namespace softmargin {
namespace {

struct AdamW {
  static constexpr OptimizerTraits traits =
      adam_traits("AdamW", "AdamW: Adam with decoupled weight decay, w *= 1 - lr weight_decay before the step.", 1e-2);

  static int n_states(const double*) { return 2; }

  static void constants(const double* p, int64_t t, double* out) {
    Adam::constants(p, t, out);
    out[8] = 1 - p[0] * p[4];
  }

  template <class T>
  struct Step {
    Adam::Step<T> adam;
    explicit Step(const double* k) : adam(k) {}

    T step(T& w, T g, T& m, T& v) const {
      w *= adam.decay;  // here: 1 - lr weight_decay
      return adam.move(w, g, m, v);
    }
  };
};

}  // namespace
}  // namespace softmargin
