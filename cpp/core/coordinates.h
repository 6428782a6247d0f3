// Dual coordinate ascent for losses of each output alone and an l2 penalty: one dual variable at a time, in closed form
// or by Newton's method in one unknown.
//
// Maximises over A = (a_ic), for each output c alone,
//     D(a) = - sum_i w_i loss*(a_i) / sum w - ||V||^2 l2 / 2 - (b - anchor)^2 pull / 2 + ...,
//     V = -sum_i w_i a_i x_i / (l2 sum w),    b = anchor - sum_i w_i a_i / (pull sum w),
// whose step in a_i, with the score s_i = V x_i + b and q_i = w_i (||x_i||^2 / l2 + 1 / pull) / sum w, is the maximum
// over a of a s_i - loss*(a) - q_i / 2 (a - a_i)^2: the derivative of the loss at the z with z + q_i loss'(z) = s_i +
// q_i a_i. All that it asks a loss for is its value and two derivatives, or its ramp. Source: Hsieh, Chang, Lin,
// Keerthi and Sundararajan, A Dual Coordinate Descent Method for Large-scale Linear SVM, ICML 2008; Yu, Huang and Lin,
// Dual coordinate descent methods for logistic regression and maximum entropy models, Machine Learning 85 (2011).
#pragma once

#include "kernels/loss_tile.h"
#include "regions.h"

namespace softmargin {

// All arrays in C order. X is CSR.
struct Coordinates {
  const MatrixView* X;
  int loss;  // index in the registry; of each output alone
  const LossData<double>* data;
  int64_t n_outputs;
  double total_weight;
  double l2;
  double pull;                  // infinity: no intercept
  const double* feature_scale;  // (n_features,): squares of what the features are multiplied by, or null for ones
  const double* squares;        // (n_samples,): ||x_i||^2 of the scaled rows
  double* A;                    // (n_outputs, n_samples)
  double* W;                    // of X as it is: [n_features][2] of each two outputs, [n_features] of a last odd one
  double* b;                    // (n_outputs,)
  std::uint8_t* rest;           // (n_outputs, n_samples): visits that a row whose step was 0 still leaves out ...
  std::uint8_t* streak;         // ... and how many steps in a row have been 0
};

// One epoch: each row that does not rest, in the order of (seed, epoch), the same one for all outputs. At the scores
// that the visits met, values (n_outputs,) = sum_i w_i (loss(s_i) - a_i s_i / 2) / sum w, which is about F, and gaps
// (n_outputs,) = sum_i w_i (loss(s_i) + loss*(a_i) - a_i s_i) / sum w, which is what F and D are apart once those have
// settled. Pairs of outputs are split among the threads. Throws ValueError for a loss of all outputs at once.
void ascend(const Coordinates& problem, std::uint64_t seed, std::uint64_t epoch, double* values, double* gaps,
            int num_threads, const Poll& poll);

}  // namespace softmargin
