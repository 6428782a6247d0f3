// Steps that touch every weight: each thread visits its features once a step, sums their gradient and updates them in
// cache.
#pragma once

#include "by_features.h"
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
        known_{Known(chunks_, problem.n_outputs), Known(chunks_, problem.n_outputs)} {
    const bool split = ByFeatures<T>::suits(problem, options_.batch_size);
    if (split) threads_ = static_cast<int>(minimum<int64_t>(threads_, kParts));
    for (int i = 0; i < threads_; ++i)
      locals_.push_back({Buffer<T>(problem.n_outputs), Buffer<double>(problem.n_outputs)});
    if (split) {
      split_ = std::make_unique<ByFeatures<T>>(problem_, options_.batch_size, threads_);
    } else if (options_.batch_size <= kMaxBatchInCache && problem.multiply_adds(options_.batch_size) <= kMaxStepWork) {
      phases_ = std::make_unique<TwoPhase<T>>(problem_, options_.batch_size, threads_, true);
    }
  }

  void weights_changed() override {
    for (int64_t chunk = 0; chunk < chunks_; ++chunk) refresh(chunk, known_[side_]);
  }

  double run(const double* lr, int64_t count, const Poll& poll) override {
    double total = 0;
    for (int64_t step = 0; step < count;) {
      if (split_) {
        step += run_split(lr + step, count - step, total, poll);
      } else if (phases_) {
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

  // What is known of the weights that a step begins with.
  struct Known {
    Known(int64_t chunks, int64_t n_outputs)
        : shift(chunks * n_outputs), penalty(chunks), finite(chunks), b(n_outputs) {}
    Buffer<double> shift, penalty;  // of each chunk
    Buffer<bool> finite;
    Buffer<T> b;
    bool stop = false;  // whether the region's time is over
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
              penalty = penalty_value(known_[0]);
              acting_intercept(known_[0], b_.w.data(), local.b.data());
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
                apply(features, G, local.db.data(), factor, first_step + step + 1, lr[step], known_[0]);
              });
              if (!leader) return;
              update_intercept(local.db.data(), factor, first_step + step + 1, lr[step]);
              total += loss;
              ++done;
              stop = watch.seconds() > kRegionSeconds;
            }))
          return;
        if (!all_weights_finite(known_[0], b_.w)) {
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

  // The same for small batches, by features, and with one barrier a step: before it, the update of the last step and
  // this thread's parts of the scores; after it, what all threads work out alike. What one step leaves for all is on
  // one side, what the next one leaves on the other, as no thread is two barriers ahead.
  int64_t run_split(const double* lr, int64_t count, double& total, const Poll& poll) {
    int64_t done = 0;
    Outcome outcome = Outcome::good;
    double bad_loss = 0;
    const int64_t start = position_, first_step = t_;
    const int first_side = side_;
    publish_intercept(known_[first_side]);
    known_[first_side].stop = false;
    parallel(threads_, [&](Team& team) {
      const Stopwatch watch;
      Local& local = locals_[static_cast<std::size_t>(team.rank())];
      const bool leader = team.rank() == 0;
      for (int64_t step = 0; step < count; ++step) {
        const int side = (first_side + static_cast<int>(step % 2)) % 2;
        const Rows rows = batch(start + step * options_.batch_size);
        if (!team.phase([&] { split_->scores(team, rows, acting_weights(), side); })) return;
        const Known& now = known_[side];
        Known& next = known_[1 - side];
        if (step > 0 && !all_weights_finite(now, now.b)) {
          if (leader) outcome = Outcome::bad_weights, --done;
          return;
        }
        if (now.stop) return;
        acting_intercept(now, now.b.data(), local.b.data());
        for (double& db : local.db) db = 0;
        const double factor = scale(rows);
        double loss = 0;
        const bool finite = split_->differentiate(team, rows, local.b.data(), side, &loss, local.db.data());
        loss = finite ? factor * loss + penalty_value(now) : 0;
        if (!finite || loss - loss != 0) {
          if (leader) outcome = finite ? Outcome::bad_loss : Outcome::bad_scores, bad_loss = loss;
          return;
        }
        split_->each_gradient(team, rows, [&](Features features, const T* G) {
          apply(features, G, local.db.data(), factor, first_step + step + 1, lr[step], next);
        });
        if (!leader) continue;
        update_intercept(local.db.data(), factor, first_step + step + 1, lr[step]);
        publish_intercept(next);
        next.stop = watch.seconds() > kRegionSeconds;
        total += loss;
        ++done;
      }
    });
    side_ = (first_side + static_cast<int>(done % 2)) % 2;
    if (outcome == Outcome::good && !all_weights_finite(known_[side_], b_.w)) outcome = Outcome::bad_weights, --done;
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
    acting_intercept(known_[0], b_.w.data(), local.b.data());
    const bool finite = accumulate(problem_, rows, acting_weights(), local.b.data(), sums, options_.num_threads, poll);
    const double factor = scale(rows);
    const double loss = factor * sums.loss + penalty_value(known_[0]);
    if (!finite) settle(Outcome::bad_scores, 0, rate, poll);
    if (loss - loss != 0) settle(Outcome::bad_loss, loss, rate, poll);
    parallel(threads_, [&](Team& team) {
      const Share own = share_of(chunks_, team.rank(), team.size());
      const Features features{minimum(own.begin * kChunk, packing_.n_features),
                              minimum(own.end * kChunk, packing_.n_features)};
      if (features.begin < features.end)
        apply(features, G_.data() + packed_offset(packing_, features.begin), local.db.data(), factor, t_ + 1, rate,
              known_[0]);
    });
    update_intercept(local.db.data(), factor, t_ + 1, rate);
    if (!all_weights_finite(known_[0], b_.w)) settle(Outcome::bad_weights, 0, rate, poll);
    position_ += options_.batch_size;
    ++t_;
    return loss;
  }

  // The gradient sums G of some features become their new weights in step t, of which `next` says what is known.
  template <class A>
  void apply(Features features, const A* G, const double* db, double factor, int64_t t, double rate, Known& next) {
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
      next.finite[j / kChunk] = good;
      refresh(j / kChunk, next);
      if (options_.average) add_to_average(at, size, average_share(t));
    }
  }

  // What depends on the weights of a chunk: the lanes of padding, the weights that act on raw rows, the penalty.
  void refresh(int64_t chunk, Known& known) {
    const auto& kernels = problem_.kernels();
    const int64_t d = packing_.n_features, j = chunk * kChunk, end = minimum<int64_t>(j + kChunk, d);
    const int64_t at = packed_offset(packing_, j), size = packed_offset(packing_, end) - at;
    T* w = W_.w.data() + at;
    if (end == d) fill_padding(packing_, W_.w.data(), T(0));
    known.penalty[chunk] = options_.penalty.none() ? 0
                                                   : kernels.penalty_terms[options_.penalty.index](
                                                         w, size, options_.penalty.options, nullptr);
    if (options_.mean) {
      kernels.standardise_weights(packing_, {j, end}, w, options_.mean, options_.inverse_deviation,
                                  effective_.data() + at, known.shift.data() + chunk * packing_.n_outputs);
    }
  }

  void add_to_average(int64_t at, int64_t size, double share) {
    const T* w = W_.w.data() + at;
    double* average = average_.data() + at;
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) average[i] += share * (static_cast<double>(w[i]) - average[i]);
  }

  // The intercept that acts on raw rows.
  void acting_intercept(const Known& now, const T* b, T* out) const {
    for (int64_t c = 0; c < problem_.n_outputs; ++c) {
      double acting = static_cast<double>(b[c]);
      if (options_.mean) {
        for (int64_t chunk = 0; chunk < chunks_; ++chunk) acting -= now.shift[chunk * problem_.n_outputs + c];
      }
      out[c] = static_cast<T>(acting);
    }
  }

  void publish_intercept(Known& next) const {
    for (int64_t c = 0; c < problem_.n_outputs; ++c) next.b[c] = b_.w[c];
  }

  const T* acting_weights() const { return options_.mean ? effective_.data() : W_.w.data(); }

  static double penalty_value(const Known& now) {
    double total = 0;
    for (const double part : now.penalty) total += part;
    return total;
  }

  static bool all_weights_finite(const Known& now, const Buffer<T>& b) {
    bool good = true;
    for (const bool part : now.finite) good = good && part;
    for (const T one : b) good = good && one - one == T(0);
    return good;
  }

  void settle(Outcome outcome, double loss, double rate, const Poll& poll) {
    if (outcome == Outcome::good) return;
    if (outcome == Outcome::bad_scores) check_finite<T>(problem_.X, poll);
    diverged(outcome == Outcome::bad_weights ? 0 : outcome == Outcome::bad_scores ? 0.0 / 0.0 : loss, rate);
  }

  int64_t chunks_;
  int threads_;
  std::unique_ptr<ByFeatures<T>> split_;
  std::unique_ptr<TwoPhase<T>> phases_;
  Buffer<double> G_;
  Buffer<T> g_, effective_;  // zeros in effective_'s lanes of padding, which nothing fills
  Known known_[2];
  int side_ = 0;  // of known_, what is known now; only a split step takes the other one
  std::vector<Local> locals_;
};

}  // namespace softmargin
