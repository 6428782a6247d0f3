// The minibatch loop: batches of a shuffled epoch, gradient and update of a run of features in one visit.
#pragma once

#include <memory>
#include <vector>

#include "objective.h"
#include "registry.h"

namespace softmargin {

struct TrainOptions {
  Rule rule;
  Penalty penalty;
  int64_t batch_size = 256;
  bool shuffle = true;
  bool intercept = true;
  bool average = false;
  std::uint64_t seed = 0;
  int num_threads = 0;
  // The standardisation of X (n_features each), or null: s = w (x - mean) inverse_deviation; 0 for a constant feature.
  const double* mean = nullptr;
  const double* inverse_deviation = nullptr;
};

// A weight array and the states of its rule, in the packed order (W) or plain (b).
template <class T>
struct Trained {
  Buffer<T> w;
  std::vector<Buffer<T>> states;

  Trained(int64_t size, int n_states) : w(Buffer<T>::zeros(size)) {
    for (int i = 0; i < n_states; ++i) states.push_back(Buffer<T>::zeros(size));
  }
  T* state(std::size_t i, int64_t offset) { return i < states.size() ? states[i].data() + offset : nullptr; }
};

// The share of step t = 1, 2, ... in the average of the iterates, A_t = (1 - c_t) A_{t-1} + c_t W_t with
// c_t = (eta + 1) / (t + eta): iterate t weighs about t^eta, so that the first half of a run counts 2^-(eta + 1) = 6 %,
// and no end of the run has to be known. Source: Shamir and Zhang, Stochastic Gradient Descent for Non-smooth
// Optimization, ICML 2013, whose experiments have eta = 3.
inline double average_share(int64_t t) {
  constexpr double eta = 3;
  return (eta + 1) / (static_cast<double>(t) + eta);
}

// Trains W and b; how a step moves them is a subclass's: every weight (train_dense.h), or those a batch touches
// (train_sparse.h).
template <class T>
class Trainer {
 public:
  // `problem` and the arrays of `options` must outlive the trainer.
  static std::unique_ptr<Trainer> make(const Problem<T>& problem, const TrainOptions& options, int64_t t);
  virtual ~Trainer() = default;

  void start_epoch(std::uint64_t epoch, const Poll& poll);
  int64_t steps_per_epoch() const { return (problem_.X.n_samples + options_.batch_size - 1) / options_.batch_size; }

  // The next `count` steps of the epoch with the learning rates lr [count]; the sum of F over their batches, each
  // before its step. Throws DivergenceError where the loss or a weight is not finite, ValueError where X is not, what
  // poll throws.
  virtual double run(const double* lr, int64_t count, const Poll& poll) = 0;

  Trained<T>& weights() { return W_; }
  Trained<T>& intercept() { return b_; }
  // The averages of W (packed) and b over the steps, empty unless options.average. In double: a late step changes them
  // by less than float32 resolves.
  Buffer<double>& average() { return average_; }
  Buffer<double>& intercept_average() { return intercept_average_; }
  int64_t steps() const { return t_; }
  // Called when W was filled from outside, before the first step.
  virtual void weights_changed() = 0;

 protected:
  Trainer(const Problem<T>& problem, const TrainOptions& options, int n_states, int64_t t);

  // The batch that begins at a place of the epoch.
  Rows batch(int64_t position) const;
  // n / (|B| Omega)
  double scale(const Rows& rows) const;
  void update_intercept(const double* db, double scale, int64_t t, double lr);
  [[noreturn]] void diverged(double loss, double lr) const;

  const Problem<T>& problem_;
  TrainOptions options_;
  Rule intercept_rule_;
  Packing packing_;
  Trained<T> W_, b_;
  Buffer<double> average_, intercept_average_;
  int64_t t_;
  int64_t position_ = 0;
  std::uint64_t epoch_ = 0;

 private:
  double total_weight_;
  Buffer<int64_t> order_;
};

}  // namespace softmargin
