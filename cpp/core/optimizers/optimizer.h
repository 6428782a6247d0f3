// The contract of an update rule: constants of a step in double, then one weight at a time in its own type.
//
// `constants` turns hyper-parameters (flat, in the order of traits.options, lr first and already scheduled) and the
// step count t = 1, 2, ... into at most kMaxConstants doubles. `Step<T>` casts them once; step(w, g, s0, s1) updates
// one weight and its state in place and returns h, how far the rule moves the weight under a constant gradient of 1
// with its scale taken as it is: the l1 penalty soft-thresholds by alpha_1 h afterwards, so that every fixed point
// minimises F. A rule may say that it is plain, w -= lr (g + decay w) without state; only then can a sparse step skip
// untouched weights.
#pragma once

#include <cmath>

#include "../penalties/penalty.h"

namespace softmargin {

inline constexpr int kMaxConstants = 9;
inline constexpr int kMaxStates = 2;

struct OptimizerTraits {
  const char* name;
  const char* doc;
  int n_options;
  Option options[kMaxParameters];
  int n_states;
  const char* states[kMaxStates];
};

namespace {

constexpr Option learning_rate(double value) {
  return {"lr", {value, 0}, 1, false, 0, 1e300, false, false, "learning rate"};
}

constexpr Option epsilon(double value) {
  return {"eps", {value, 0}, 1, false, 0, 1e300, false, false, "added to the root in the denominator, outside it"};
}

constexpr Option weight_decay(double value) {
  return {"weight_decay", {value, 0}, 1,
          false,          0,          1e300,
          false,          false,      "the rule's own shrinkage of the weights, no part of the objective"};
}

// The square root as one instruction: std::sqrt may set errno and leave vector code.
inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }

}  // namespace
}  // namespace softmargin
