// Steps that touch every weight: each thread visits its features once a step, sums their gradient and updates them in
// cache.
#pragma once

#include "train.h"
#include "two_phase.h"

namespace softmargin {

// Batches of more rows than this take the gradient of the objective first and update afterwards: dS of a batch is kept
// whole in a step of two phases, and no array may grow with X.
inline constexpr int64_t kMaxBatchInCache = 4096;

// And so do batches of more multiply-adds than this (4096 rows of 3072 features and 10 classes): a step of two phases
// is not interrupted, and these are some 40 ms of one thread's work.
inline constexpr double kMaxStepWork = 3e8;

template <class T>
class DenseTrainer final : public Trainer<T> {
  using Base = Trainer<T>;
  using Base::average_, Base::b_, Base::batch, Base::diverged, Base::options_, Base::packing_, Base::position_,
      Base::problem_, Base::scale, Base::t_, Base::update_intercept, Base::W_;

 public:
  DenseTrainer(const Problem<T>& problem, const TrainOptions& options, int64_t t)
      : Base(problem, options, options.rule.n_states(), t),
        chunks_((problem.X.n_features + kChunk - 1) / kChunk),
        threads_(threads_for(options.num_threads, 2 * problem.multiply_adds(options_.batch_size))),
        G_(packed_size(packing_)),
        g_(Buffer<T>::zeros(packed_size(packing_))),
        effective_(Buffer<T>::zeros(options.mean ? packed_size(packing_) : 0)),
        shift_(options.mean ? chunks_ * problem.n_outputs : 0),
        penalty_part_(chunks_),
        weights_finite_(chunks_) {
    for (int i = 0; i < threads_; ++i)
      locals_.push_back({Buffer<T>(problem.n_outputs), Buffer<double>(problem.n_outputs)});
    if (options_.batch_size <= kMaxBatchInCache && problem.multiply_adds(options_.batch_size) <= kMaxStepWork)
      phases_ = std::make_unique<TwoPhase<T>>(problem_, options_.batch_size, threads_, true);
  }

  void weights_changed() override {
    for (int64_t chunk = 0; chunk < chunks_; ++chunk) refresh(chunk);
  }

  double run(const double* lr, int64_t count, const Poll& poll) override {
    double total = 0;
    for (int64_t step = 0; step < count;) {
      if (phases_) {
        step += run_region(lr + step, count - step, total, poll);
      } else {
        total += large_step(lr[step], poll);
        ++step;
      }
      poll();
    }
    return total;
  }

 private:
  enum class Outcome { good, bad_scores, bad_loss, bad_weights };

  // What a thread works out for itself in every step, the same on all.
  struct Local {
    Buffer<T> b;        // the intercept that acts on raw rows
    Buffer<double> db;  // sums over the batch
  };

  // Steps until the region's time is over; the number of steps done.
  //
  // Two barriers a step. Before the first: scores, and what depends on the last step's weights. Between them: gradient
  // and update. Whether to go on is worked out by every thread from the same numbers.
  int64_t run_region(const double* lr, int64_t count, double& total, const Poll& poll) {
    int64_t done = 0;
    bool stop = false;
    Outcome outcome = Outcome::good;
    double bad_loss = 0;
    const int64_t start = position_, first_step = t_;
    parallel(threads_, [&](Team& team) {
      const Stopwatch watch;
      Local& local = locals_[static_cast<std::size_t>(team.rank())];
      const bool leader = team.rank() == 0;
      for (int64_t step = 0; step < count && !stop; ++step) {
        const Rows rows = batch(start + step * options_.batch_size);
        const double factor = scale(rows);
        double penalty = 0;
        if (!team.phase([&] {
              penalty = penalty_value();
              acting_intercept(local.b.data());
              phases_->scores(team, rows, acting_weights(), local.b.data());
            }))
          return;
        const bool finite = phases_->finite();
        const double loss = finite ? factor * phases_->loss(rows) + penalty : 0;
        if (!finite || loss - loss != 0) {
          if (leader) {
            outcome = finite ? Outcome::bad_loss : Outcome::bad_scores, bad_loss = loss;
            phases_->forget();
          }
          return;
        }
        if (!team.phase([&] {
              for (double& db : local.db) db = 0;
              phases_->add_db(rows, local.db.data());
              phases_->each_gradient(team, rows, G_.data(), false, [&](Features features, const auto* G) {
                apply(features, G, local.db.data(), factor, first_step + step + 1, lr[step]);
              });
              if (!leader) return;
              update_intercept(local.db.data(), factor, first_step + step + 1, lr[step]);
              total += loss;
              ++done;
              stop = watch.seconds() > kRegionSeconds;
            }))
          return;
        if (!all_weights_finite()) {
          if (leader) outcome = Outcome::bad_weights, --done;
          return;
        }
      }
    });
    position_ = start + done * options_.batch_size;
    t_ = first_step + done;
    settle(outcome, bad_loss, lr[done < count ? done : 0], poll);
    return done;
  }

  // A step on a large batch: one pass over its rows, then the update.
  double large_step(double rate, const Poll& poll) {
    const Rows rows = batch(position_);
    Local& local = locals_[0];
    Sums sums;
    sums.G = G_.data();
    sums.db = local.db.data();
    acting_intercept(local.b.data());
    const bool finite = accumulate(problem_, rows, acting_weights(), local.b.data(), sums, options_.num_threads, poll);
    const double factor = scale(rows);
    const double loss = factor * sums.loss + penalty_value();
    if (!finite) settle(Outcome::bad_scores, 0, rate, poll);
    if (loss - loss != 0) settle(Outcome::bad_loss, loss, rate, poll);
    parallel(threads_, [&](Team& team) {
      const Share own = share_of(chunks_, team.rank(), team.size());
      const Features features{minimum(own.begin * kChunk, packing_.n_features),
                              minimum(own.end * kChunk, packing_.n_features)};
      if (features.begin < features.end)
        apply(features, G_.data() + packed_offset(packing_, features.begin), local.db.data(), factor, t_ + 1, rate);
    });
    update_intercept(local.db.data(), factor, t_ + 1, rate);
    if (!all_weights_finite()) settle(Outcome::bad_weights, 0, rate, poll);
    position_ += options_.batch_size;
    ++t_;
    return loss;
  }

  // The gradient sums G of some features become their new weights in step t.
  template <class A>
  void apply(Features features, const A* G, const double* db, double factor, int64_t t, double rate) {
    const auto& kernels = problem_.kernels();
    const auto finish = [&] {
      if constexpr (same<A, T>)
        return kernels.finish_narrow_gradient;
      else
        return kernels.finish_gradient;
    }();
    double constants[kMaxConstants];
    options_.rule.constants(t, rate, constants);
    const auto update = kernels.update[options_.rule.index][options_.penalty.index];
    for (int64_t j = features.begin; j < features.end; j += kChunk) {
      const Features chunk{j, minimum<int64_t>(j + kChunk, packing_.n_features)};
      const int64_t at = packed_offset(packing_, j), size = packed_offset(packing_, chunk.end) - at;
      finish(packing_, chunk, G + (at - packed_offset(packing_, features.begin)), factor, options_.mean,
             options_.inverse_deviation, db, g_.data() + at);
      // With eps = 0 a gradient of 0 would leave 0 / 0 in the padding.
      if (chunk.end == packing_.n_features) fill_padding(packing_, g_.data(), T(1));
      const bool good = update(W_.w.data() + at, g_.data() + at, W_.state(0, at), W_.state(1, at), size, constants,
                               options_.penalty.options);
      weights_finite_[j / kChunk] = good;
      refresh(j / kChunk);
      if (options_.average) add_to_average(at, size, average_share(t));
    }
  }

  // What depends on the weights of a chunk: the lanes of padding, the weights that act on raw rows, the penalty.
  void refresh(int64_t chunk) {
    const auto& kernels = problem_.kernels();
    const int64_t d = packing_.n_features, j = chunk * kChunk, end = minimum<int64_t>(j + kChunk, d);
    const int64_t at = packed_offset(packing_, j), size = packed_offset(packing_, end) - at;
    T* w = W_.w.data() + at;
    if (end == d) fill_padding(packing_, W_.w.data(), T(0));
    penalty_part_[chunk] = options_.penalty.none() ? 0
                                                   : kernels.penalty_terms[options_.penalty.index](
                                                         w, size, options_.penalty.options, nullptr);
    if (options_.mean) {
      kernels.standardise_weights(packing_, {j, end}, w, options_.mean, options_.inverse_deviation,
                                  effective_.data() + at, shift_.data() + chunk * packing_.n_outputs);
    }
  }

  void add_to_average(int64_t at, int64_t size, double share) {
    const T* w = W_.w.data() + at;
    double* average = average_.data() + at;
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) average[i] += share * (static_cast<double>(w[i]) - average[i]);
  }

  void acting_intercept(T* out) const {
    for (int64_t c = 0; c < problem_.n_outputs; ++c) {
      double b = static_cast<double>(b_.w[c]);
      if (options_.mean) {
        for (int64_t chunk = 0; chunk < chunks_; ++chunk) b -= shift_[chunk * problem_.n_outputs + c];
      }
      out[c] = static_cast<T>(b);
    }
  }

  const T* acting_weights() const { return options_.mean ? effective_.data() : W_.w.data(); }

  double penalty_value() const {
    double total = 0;
    for (const double part : penalty_part_) total += part;
    return total;
  }

  bool all_weights_finite() const {
    bool good = true;
    for (const bool part : weights_finite_) good = good && part;
    for (const T b : b_.w) good = good && b - b == T(0);
    return good;
  }

  void settle(Outcome outcome, double loss, double rate, const Poll& poll) {
    if (outcome == Outcome::good) return;
    if (outcome == Outcome::bad_scores) check_finite<T>(problem_.X, poll);
    diverged(outcome == Outcome::bad_weights ? 0 : outcome == Outcome::bad_scores ? 0.0 / 0.0 : loss, rate);
  }

  int64_t chunks_;
  int threads_;
  std::unique_ptr<TwoPhase<T>> phases_;
  Buffer<double> G_;
  Buffer<T> g_, effective_;  // zeros in effective_'s lanes of padding, which nothing fills
  Buffer<double> shift_;
  Buffer<double> penalty_part_;
  Buffer<bool> weights_finite_;
  std::vector<Local> locals_;
};

}  // namespace softmargin
