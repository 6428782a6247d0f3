// Stochastic gradient descent with momentum: buf = momentum buf + (1 - dampening) g (first step: buf = g), w -= lr buf.
//
// Nesterov: w -= lr (g + momentum buf). Without momentum the state is not touched and may be absent. Source: Sutskever
// et al., ICML 2013, in PyTorch's form, where the learning rate stands outside the buffer.
#pragma once

#include "optimizer.h"

namespace softmargin {
namespace {

struct Sgd {
  static constexpr OptimizerTraits traits{
      "SGD",
      "Stochastic gradient descent: buf = momentum buf + (1 - dampening) g, w -= lr buf.",
      5,
      {learning_rate(1e-3),
       {"momentum", {0, 0}, 1, false, 0, 1, false, true, "share of the buffer that is kept"},
       {"dampening", {0, 0}, 1, false, 0, 1, false, true, "share of the gradient that is left out of the buffer"},
       {"nesterov", {0, 0}, 0, false, 0, 1, false, false, "look ahead; needs momentum > 0 and dampening = 0"},
       weight_decay(0)},
      1,
      {"momentum_buffer"}};

  static int n_states(const double* p) { return p[1] != 0 ? 1 : 0; }

  // Without momentum a step is w -= lr (g + weight_decay w).
  static bool plain(const double* p, double* decay) {
    *decay = p[4];
    return p[1] == 0;
  }

  static void constants(const double* p, int64_t t, double* out) {
    const double lr = p[0], momentum = p[1], dampening = p[2];
    const bool first = t == 1;
    out[0] = lr;
    out[1] = first ? 0 : momentum;
    out[2] = first || momentum == 0 ? 1 : 1 - dampening;  // without momentum the dampening is ignored
    out[3] = p[3] != 0 ? momentum : 1;                    // weight of the buffer in the step
    out[4] = p[3] != 0 ? 1 : 0;                           // weight of the gradient: Nesterov looks ahead
    out[5] = p[4];
    out[6] = momentum != 0 ? lr * (1 - dampening) / (1 - momentum) : lr;
  }

  template <class T>
  struct Step {
    T lr, keep, take, look_buffer, look_gradient, decay, reach;
    explicit Step(const double* k)
        : lr(T(k[0])),
          keep(T(k[1])),
          take(T(k[2])),
          look_buffer(T(k[3])),
          look_gradient(T(k[4])),
          decay(T(k[5])),
          reach(T(k[6])) {}

    T step(T& w, T g, T& buffer, T&) const {
      g += decay * w;
      buffer = keep * buffer + take * g;
      w -= lr * (look_gradient * g + look_buffer * buffer);  // without a branch, which would not be vectorised
      return reach;
    }
  };
};

}  // namespace
}  // namespace softmargin
