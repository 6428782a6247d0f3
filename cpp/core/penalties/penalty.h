// The contract of a penalty: alpha R(w) of one weight as a value, a smooth part and a threshold.
//
// A penalty is a sum over weights. `value(w)` is the weight's share of alpha R; `gradient(w)` the derivative of its
// smooth part, added to the gradient of the loss; `threshold` what soft-thresholding takes off per unit of step (the l1
// part); `subgradient(w)` the derivative of the whole, 0 at 0. value(0) = 0 and gradient(0) = 0.
//
// A penalty that is alpha_1 |w| + alpha_2 / 2 w^2 says so by l1() and l2(), which give alpha_1 and alpha_2: only then
// can a sparse step catch up with what it skipped. Others leave them out and are trained by dense steps.
#pragma once

#include "../math.h"

namespace softmargin {

inline constexpr int kMaxParameters = 8;

// One option of a penalty or a rule: its default, the interval it must lie in, and what it is. Open ends are excluded.
struct Option {
  const char* name;
  double defaults[2];
  int count;  // 1: a number; 2: a pair of numbers; 0: yes or no
  bool required;
  double low, high;
  bool low_open, high_open;
  const char* doc;
};

struct PenaltyTraits {
  const char* name;
  const char* class_name;
  const char* doc;
  int n_options;
  Option options[kMaxParameters];
};

inline constexpr Option kAlpha{"alpha", {0, 0}, 1, true, 0, 1e300, false, false, "strength, at least 0"};

namespace {

// No penalty: what the update kernel is compiled with where none is asked for.
struct NoPenalty {
  template <class T>
  struct Weights {
    explicit Weights(const double*) {}
    static constexpr double threshold = 0;
    T gradient(T) const { return T(0); }
    T subgradient(T) const { return T(0); }
    T value(T) const { return T(0); }
  };
};

}  // namespace
}  // namespace softmargin
