// What every trainer shares: the order of an epoch, its batches, the intercept, the error of a divergence.
#include "train.h"

#include <sstream>

#include "errors.h"
#include "permutation.h"
#include "train_dense.h"
#include "train_sparse.h"

namespace softmargin {

template <class T>
Trainer<T>::Trainer(const Problem<T>& problem, const TrainOptions& options, int n_states, int64_t t)
    : problem_(problem),
      options_(options),
      intercept_rule_(options.rule.without_decay()),
      packing_(problem.packing()),
      W_(packed_size(packing_), n_states),
      b_(problem.n_outputs, n_states),
      average_(Buffer<double>::zeros(options.average ? packed_size(packing_) : 0)),
      intercept_average_(Buffer<double>::zeros(options.average ? problem.n_outputs : 0)),
      t_(t),
      total_weight_(0),
      order_(options.shuffle ? problem.X.n_samples : 0) {
  const int64_t n = problem.X.n_samples;
  options_.batch_size = minimum(options.batch_size, n);
  if (problem.data.sample_weight) {
    for (int64_t i = 0; i < n; ++i) total_weight_ += problem.data.sample_weight[i];
  } else {
    total_weight_ = static_cast<double>(n);
  }
}

template <class T>
void Trainer<T>::start_epoch(std::uint64_t epoch, const Poll& poll) {
  epoch_ = epoch;
  position_ = 0;
  if (options_.shuffle) permutation(problem_.X.n_samples, options_.seed, epoch, order_.data(), poll);
}

template <class T>
Rows Trainer<T>::batch(int64_t position) const {
  const int64_t n = problem_.X.n_samples;
  return {options_.shuffle ? order_.data() : nullptr, position, minimum(options_.batch_size, n - position)};
}

template <class T>
double Trainer<T>::scale(const Rows& rows) const {
  return static_cast<double>(problem_.X.n_samples) / (static_cast<double>(rows.count) * total_weight_);
}

template <class T>
void Trainer<T>::update_intercept(const double* db, double scale, int64_t t, double lr) {
  if (!options_.intercept) return;
  double constants[kMaxConstants];
  intercept_rule_.constants(t, lr, constants);
  Buffer<T> g(problem_.n_outputs);
  for (int64_t c = 0; c < problem_.n_outputs; ++c) g[c] = static_cast<T>(scale * db[c]);
  const Penalty none;
  problem_.kernels().update[options_.rule.index][none.index](b_.w.data(), g.data(), b_.state(0, 0), b_.state(1, 0),
                                                             problem_.n_outputs, constants, none.options);
  for (int64_t c = 0; c < intercept_average_.size(); ++c)
    intercept_average_[c] += average_share(t) * (static_cast<double>(b_.w[c]) - intercept_average_[c]);
}

template <class T>
void Trainer<T>::diverged(double loss, double lr) const {
  std::ostringstream text;
  text << "lr: training diverged at step " << t_ + 1 << " (epoch " << epoch_ + 1 << ") with a learning rate of " << lr
       << ": the ";
  if (loss - loss == 0) {
    text << "weights are no longer finite";
  } else {
    text << "loss is " << (loss != loss ? "nan" : "inf");
  }
  throw DivergenceError(text.str());
}

template <class T>
std::unique_ptr<Trainer<T>> Trainer<T>::make(const Problem<T>& problem, const TrainOptions& options, int64_t t) {
  double decay;
  // Under l1 the weights that no batch touches do not stay in proportion, and their average has no short form.
  const bool lazy = options.penalty.quadratic() && !(options.average && options.penalty.l1() > 0);
  const bool sparse = problem.layout().gradient_wide && options.rule.plain(&decay) && lazy && !options.mean &&
                      options.batch_size <= kMaxBatchInCache;
  if (sparse) return std::make_unique<SparseTrainer<T>>(problem, options, t);
  return std::make_unique<DenseTrainer<T>>(problem, options, t);
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace softmargin
