// Adam: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w -= lr m^ / (sqrt(v^) + eps), m^ = m / (1 - b1^t), v^ = v / (1
// - b2^t).
//
// Source: Kingma and Ba, ICLR 2015. weight_decay is added to the gradient; AdamW shrinks the weights instead.
#pragma once

#include "optimizer.h"

namespace softmargin {
namespace {

// The options of Adam and AdamW, which differ in where the weight decay goes.
constexpr OptimizerTraits adam_traits(const char* name, const char* doc, double decay) {
  return {name,
          doc,
          4,
          {learning_rate(1e-3),
           {"betas", {0.9, 0.999}, 2, false, 0, 1, false, true, "shares of the mean and the mean square that are kept"},
           epsilon(1e-8),
           weight_decay(decay)},
          2,
          {"exp_avg", "exp_avg_sq"}};
}

struct Adam {
  static constexpr OptimizerTraits traits =
      adam_traits("Adam", "Adam: w -= lr m^ / (sqrt(v^) + eps), with bias-corrected means of g and g^2.", 0);

  static int n_states(const double*) { return 2; }

  static void constants(const double* p, int64_t t, double* out) {
    const double steps = static_cast<double>(t);
    out[0] = p[0];
    out[1] = p[1];
    out[2] = 1 - p[1];
    out[3] = p[2];
    out[4] = 1 - p[2];
    out[5] = 1 / (1 - std::pow(p[1], steps));
    out[6] = 1 / std::sqrt(1 - std::pow(p[2], steps));
    out[7] = p[3];
    out[8] = p[4];
  }

  template <class T>
  struct Step {
    T lr, keep1, take1, keep2, take2, correct1, correct2, eps, decay;
    explicit Step(const double* k)
        : lr(T(k[0])),
          keep1(T(k[1])),
          take1(T(k[2])),
          keep2(T(k[3])),
          take2(T(k[4])),
          correct1(T(k[5])),
          correct2(T(k[6])),
          eps(T(k[7])),
          decay(T(k[8])) {}

    // The step after the weight decay, which AdamW shares.
    T move(T& w, T g, T& m, T& v) const {
      m = keep1 * m + take1 * g;
      v = keep2 * v + take2 * (g * g);
      const T h = lr / (square_root(v) * correct2 + eps);
      w -= h * (m * correct1);
      return h;
    }

    T step(T& w, T g, T& m, T& v) const { return move(w, g + decay * w, m, v); }
  };
};

}  // namespace
}  // namespace softmargin
