// What the registries say of losses, penalties and rules, by index, for code that is compiled once.
#pragma once

#include <string>

#include "losses/loss.h"
#include "optimizers/optimizer.h"

namespace softmargin {

int loss_count();
int penalty_count();
int optimizer_count();
const LossTraits& loss_traits(int loss);
const PenaltyTraits& penalty_traits(int penalty);
const OptimizerTraits& optimizer_traits(int optimizer);

// A bound on the second derivative of a loss along any direction of its scores, or kNoBound.
double loss_curvature(int loss, int64_t n_outputs);

// The index of a name, or ValueError.
int find_loss(const std::string& name);
int find_penalty(const std::string& name);
int find_optimizer(const std::string& name);

// A penalty with its options; index kPenalties (the default) is none.
struct Penalty {
  int index;
  double options[kMaxParameters];
  Penalty();
  bool quadratic() const;  // no penalty, or alpha_1 |w| + alpha_2 / 2 w^2 with l1() = alpha_1 and l2() = alpha_2
  double l1() const;
  double l2() const;
  bool none() const;
};

// A rule with its options, flat (a pair takes two places), lr first.
struct Rule {
  int index = 0;
  double options[2 * kMaxParameters] = {};
  int n_states() const;
  bool plain(double* decay) const;
  // The constants of step t = 1, 2, ... at the learning rate lr.
  void constants(int64_t t, double lr, double* out) const;
  // The same rule without weight decay: how the intercept is trained.
  Rule without_decay() const;
};

int flat_options(const OptimizerTraits& traits);

}  // namespace softmargin
