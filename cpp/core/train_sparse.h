// Steps that touch only the weights of a batch's entries: sparse rows with a plain rule, w -= lr (g + decay w).
//
// W = scale V, so that the shrinkage of l2 and weight decay is one multiplication for all weights, and the l1 threshold
// of the steps that passed a feature by is taken off when it is next touched: soft-thresholding by a and then by b is
// soft-thresholding by a + b. (Bottou 2012, Stochastic Gradient Descent Tricks; Langford, Li and Zhang, JMLR 10, 2009.)
// A step costs O(entries of the batch x outputs). Between calls of run V is W itself.
//
// The average A_t = (1 - c_t) A_{t-1} + c_t W_t is as lazy: with Q_t the product of the (1 - c_s) and R_t the sum of
// the c_s scale_s / Q_s it is A = Q U, where U_j owes (R - R_j) V_j since V_j last changed. (Bottou 2012, after Xu,
// Towards Optimal One Pass Large Scale Learning with Averaged Stochastic Gradient Descent, 2011.)
#pragma once

#include "train.h"
#include "two_phase.h"

namespace softmargin {

// f(feature) for the entries of a sparse row among the features.
template <class F>
void each_index(const MatrixView& X, int64_t i, Features features, F&& f) {
  Layouts::for_each([&]<class Layout>(int layout) {
    if constexpr (Layout::width == 1) {
      if (layout == X.layout) Layout::entries(X, i, features, [&](int64_t j, auto) { f(j); });
    }
  });
}

// Below this scale V is multiplied out: far above where V = W / scale would overflow.
inline constexpr double kSmallestScale = 1e-6;

template <class T>
class SparseTrainer final : public Trainer<T> {
  using Base = Trainer<T>;
  using Base::average_, Base::b_, Base::batch, Base::diverged, Base::options_, Base::packing_, Base::position_,
      Base::problem_, Base::scale, Base::t_, Base::update_intercept, Base::W_;

 public:
  SparseTrainer(const Problem<T>& problem, const TrainOptions& options, int64_t t)
      : Base(problem, options, 0, t),
        threads_(threads_for(options.num_threads, 2 * problem.multiply_adds(options_.batch_size))),
        phases_(problem_, options_.batch_size, threads_),
        l1_(options.penalty.l1()),
        l2_(options.penalty.l2()),
        taken_(l1_ > 0 ? Buffer<double>::zeros(problem.X.n_features) : Buffer<double>()),
        owed_from_(options.average ? Buffer<double>::zeros(problem.X.n_features) : Buffer<double>()),
        no_intercept_(Buffer<T>::zeros(problem.n_outputs)) {
    double decay = 0;
    options_.rule.plain(&decay);
    shrink_ = l2_ + decay;
    for (int i = 0; i < threads_; ++i) locals_.push_back(Buffer<double>(problem.n_outputs));
  }

  void weights_changed() override {}

  double run(const double* lr, int64_t count, const Poll& poll) override {
    double total = 0;
    const double before = penalty();
    try {
      for (int64_t step = 0; step < count;) {
        step += run_region(lr + step, count - step, total, poll);
        poll();
      }
    } catch (...) {  // above all an interruption: whoever catches it finds W itself
      materialise();
      throw;
    }
    materialise();
    for (const T w : W_.w) {
      if (w - w != T(0)) diverged(0, lr[count - 1]);
    }
    return total + static_cast<double>(count) * 0.5 * (before + penalty());
  }

 private:
  int64_t run_region(const double* lr, int64_t count, double& total, const Poll& poll) {
    int64_t done = 0;
    bool stop = false, finite = true;
    double bad_loss = 0;
    const int64_t start = position_, first_step = t_;
    const int64_t k = problem_.n_outputs;
    parallel(threads_, [&](Team& team) {
      const Stopwatch watch;
      double* db = locals_[static_cast<std::size_t>(team.rank())].data();
      const bool leader = team.rank() == 0;
      for (int64_t step = 0; step < count && !stop; ++step) {
        const Rows rows = batch(start + step * options_.batch_size);
        const double factor = scale(rows), rate = lr[step];
        if ((l1_ > 0 || options_.average) && !team.phase([&] { catch_up(phases_.features(team), rows); })) return;
        const double kept = 1 - rate * shrink_, before = scale_;
        const bool multiply_out = kept * before < kSmallestScale;
        const double after = multiply_out ? 1 : kept * before;
        if (!team.phase([&] { scores(team, rows, -rate * factor / after); })) return;
        const double loss = factor * phases_.loss(rows);
        if (!phases_.finite() || loss - loss != 0) {
          if (leader) finite = phases_.finite(), bad_loss = loss, stop = true;
          return;
        }
        if (!team.phase([&] {
              const Features own = phases_.features(team);
              if (multiply_out) multiply(own, kept * before);
              descend(team, own, rows);
              for (int64_t c = 0; c < k; ++c) db[c] = 0;
              phases_.add_db(rows, db);
            }))
          return;
        if (!team.phase([&] {
              if (!leader) return;
              scale_ = after;
              if (multiply_out) threshold_ = 0;
              threshold_ += rate * l1_ / scale_;
              if (options_.average) count_in_average(first_step + step + 1);
              update_intercept(db, factor, first_step + step + 1, rate);
              total += loss;
              ++done;
              stop = watch.seconds() > kRegionSeconds;
            }))
          return;
      }
    });
    position_ = start + done * options_.batch_size;
    t_ = first_step + done;
    if (!finite) check_finite<T>(problem_.X, poll);
    if (!finite || bad_loss - bad_loss != 0) diverged(finite ? bad_loss : 0.0 / 0.0, lr[done]);
    return done;
  }

  // The thresholds, and the share in the average, that the features of the batch have missed.
  void catch_up(Features own, const Rows& rows) {
    for (int64_t r = 0; r < rows.count; ++r) {
      each_index(problem_.X, row_index(rows, r), own, [&](int64_t j) {
        if (options_.average) pay_average(j);
        if (l1_ > 0) settle(j);
      });
    }
  }

  // dS of this thread's tiles, times `step`.
  void scores(Team& team, const Rows& rows, double step) {
    const int64_t k = problem_.n_outputs, n = phases_.tiles_of(rows.count);
    const Share own = share_of(n, team.rank(), team.size());
    const T multiplier = static_cast<T>(scale_), times = static_cast<T>(step);
    for (int64_t t = own.begin; t < own.end; ++t) {
      const Rows part = phases_.tile(rows, t, n);
      T* S = phases_.tile_scores(t);
      problem_.layout().scores(problem_.X, part, {0, problem_.X.n_features}, W_.w.data(), no_intercept_.data(), k, S,
                               phases_.scratch(team.rank()));
      for (int64_t c = 0; c < k; ++c) {
        lanes([&](int r) { S[c * kTileRows + r] = multiplier * S[c * kTileRows + r] + b_.w[c]; });
      }
      phases_.differentiate(part, t, S, team.rank());
      for (int64_t i = 0; i < k * kTileRows; ++i) S[i] *= times;
    }
  }

  // V += (step dS)' X for this thread's features.
  void descend(Team& team, Features own, const Rows& rows) {
    const int64_t k = problem_.n_outputs, n = phases_.tiles_of(rows.count);
    for (int64_t t = 0; t < n; ++t) {
      problem_.layout().gradient(problem_.X, phases_.tile(rows, t, n), own, phases_.tile_scores(t), k,
                                 W_.w.data() + own.begin * k, phases_.scratch(team.rank()), false);
    }
  }

  void settle(int64_t j) {
    const T amount = static_cast<T>(threshold_ - taken_[j]);
    taken_[j] = threshold_;
    if (amount == T(0)) return;
    T* v = W_.w.data() + j * problem_.n_outputs;
    for (int64_t c = 0; c < problem_.n_outputs; ++c) v[c] = soft_threshold(v[c], amount);
  }

  // U_j += (R - R_j) V_j: before V_j changes.
  void pay_average(int64_t j) {
    const double owed = average_sum_ - owed_from_[j];
    owed_from_[j] = average_sum_;
    if (owed == 0) return;
    const int64_t k = problem_.n_outputs;
    for (int64_t i = j * k; i < (j + 1) * k; ++i) average_[i] += owed * static_cast<double>(W_.w[i]);
  }

  // Q and R after step t.
  void count_in_average(int64_t t) {
    const double share = average_share(t);
    if (t > 1) average_scale_ *= 1 - share;  // the first iterate takes the place of the zeros that A begins with
    average_sum_ += share * scale_ / average_scale_;
  }

  // V *= factor for some features, thresholds and averages settled.
  void multiply(Features own, double factor) {
    const int64_t k = problem_.n_outputs;
    for (int64_t j = own.begin; j < own.end; ++j) {
      if (options_.average) pay_average(j);
      if (l1_ > 0) settle(j), taken_[j] = 0;
      for (int64_t c = 0; c < k; ++c) W_.w[j * k + c] = static_cast<T>(factor * static_cast<double>(W_.w[j * k + c]));
    }
  }

  void materialise() {
    multiply({0, problem_.X.n_features}, scale_);
    scale_ = 1;
    threshold_ = 0;
    for (double& a : average_) a *= average_scale_;
    for (double& owed : owed_from_) owed = 0;
    average_scale_ = 1;
    average_sum_ = 0;
  }

  double penalty() const {
    const Penalty& p = options_.penalty;
    return p.none() ? 0 : problem_.kernels().penalty_terms[p.index](W_.w.data(), W_.w.size(), p.options, nullptr);
  }

  int threads_;
  TwoPhase<T> phases_;
  double l1_, l2_, shrink_ = 0;
  double scale_ = 1, threshold_ = 0;
  double average_scale_ = 1, average_sum_ = 0;  // Q and R
  Buffer<double> taken_;                        // [n_features]: the thresholds that V_j has already paid
  Buffer<double> owed_from_;                    // [n_features]: R_j; empty without an average
  Buffer<T> no_intercept_;
  std::vector<Buffer<double>> locals_;
};

}  // namespace softmargin
