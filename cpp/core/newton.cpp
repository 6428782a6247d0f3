// One output at a time and all of its rows in the caches; what a loss adds are two loops over the rows.
#include "newton.h"

#include <cmath>
#include <cstring>

#include "centred_rows.h"
#include "dispatch.h"
#include "errors.h"
#include "kernels/table.h"

namespace softmargin {

namespace {

// Rows whose outer products are added at once, so that they stay in the L1 and L2 for all strips of columns.
constexpr int64_t kRowsAtOnce = 256;

// The share of the rows above which H is made anew.
constexpr double kManyRows = 0.5;

// The curvature of an intercept in a loss that is flat, which nothing else penalises.
constexpr double kLeast = 1e-12;

// A search ends where the slope has fallen to this share of the first; looks at the slope; how much longer a step may
// get from one look to the next, and in all.
constexpr double kFlat = 0.01;
constexpr int kLooks = 40;
constexpr double kLonger = 10, kLongest = 100;

// A step that promises to take off less than this share of F is rounding.
constexpr double kRounding = 1e-16;

// The rows of one output: scores, targets +-1 or numbers, and their weights, which sum to 1 at most.
struct Samples {
  const double *s, *target, *share;
  int64_t n;
  double margin, delta;
};

// The loss, and of each row its weighted derivative d and second derivative h.
template <class Loss>
double curves(const Samples& of, double* d, double* h) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < of.n; ++i) {
    const auto at = Loss::at(of.s[i], of.target[i], of.margin, of.delta);
    total += of.share[i] * at.value;
    d[i] = of.share[i] * at.derivative;
    h[i] = of.share[i] * at.second;
  }
  return total;
}

struct Slope {
  double first = 0, second = 0;
};

// The derivatives in t of the loss at the scores s + t D.
template <class Loss>
Slope slope(const Samples& of, const double* D, double t) {
  double first = 0, second = 0;
#pragma omp simd reduction(+ : first, second)
  for (int64_t i = 0; i < of.n; ++i) {
    const auto at = Loss::at(of.s[i] + t * D[i], of.target[i], of.margin, of.delta);
    first += of.share[i] * at.derivative * D[i];
    second += of.share[i] * at.second * D[i] * D[i];
  }
  return {first, second};
}

struct LossOfRows {
  double (*curves)(const Samples&, double* d, double* h) = nullptr;
  Slope (*slope)(const Samples&, const double* D, double t) = nullptr;
};

LossOfRows loss_of_rows(int loss) {
  LossOfRows found;
  Losses::for_each([&]<class Loss>(int index) {
    if constexpr (requires { Loss::at(0.0, 0.0, 0.0, 0.0); }) {
      if constexpr (Loss::traits.smooth) {
        if (index == loss) found = {&curves<Loss>, &slope<Loss>};
      }
    }
  });
  if (!found.curves) throw ValueError("loss: expected a smooth one of each output alone");
  return found;
}

double dot(const double* a, const double* b, int64_t n) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += a[i] * b[i];
  return total;
}

// What the penalty adds to the slope along p: constant + t square.
struct PenaltySlope {
  double constant, square;
};

// t of the least F along the scores D, where its slope at 0 is `first` < 0: Newton's method within a bracket, which is
// halved where a step of Newton's would leave it or the last one left more than half of the slope.
double best_step(const LossOfRows& loss, const Samples& samples, const double* D, const PenaltySlope& penalty,
                 double first) {
  double low = 0, high = HUGE_VAL, t = 1, last = HUGE_VAL;
  for (int look = 0; look < kLooks; ++look) {
    auto [at, curvature] = loss.slope(samples, D, t);
    at += penalty.constant + t * penalty.square;
    if (magnitude(at) <= -kFlat * first) return minimum(t, kLongest);
    (at < 0 ? low : high) = t;  // no number: beyond the end
    const double newton = t - at / (curvature + penalty.square), longest = kLonger * maximum(t, 1.0);
    const bool slow = magnitude(at) > 0.5 * last && high < HUGE_VAL;
    if (!slow && newton > low && newton < minimum(high, longest)) {
      t = newton;
    } else {
      t = high < HUGE_VAL ? 0.5 * (low + high) : kLonger * t;
    }
    last = magnitude(at);
  }
  return minimum(low, kLongest);
}

}  // namespace

struct Newton::Room {
  Room(int64_t n, int64_t padded)
      : target(n),
        share(n),
        d(n),
        D(n),
        weight(n),
        weighted(kRowsAtOnce * kGramColumns),
        p(padded),
        factor(padded * padded),
        place(n) {}
  Buffer<double> target, share, d, D, weight, weighted, p, factor;
  Buffer<int64_t> place;
};

Newton::Newton(const MatrixView& X, const double* centre, const double* scale, const Options& options)
    : options_(options),
      n_(X.n_samples),
      m_(X.n_features + 1),
      padded_(round_up(m_, kGramPadding)),
      Z_(Buffer<double>::zeros(n_ * padded_)),
      W_(Buffer<double>::zeros(options.n_outputs * padded_)),
      g_(options.n_outputs * padded_),
      S_(options.n_outputs * n_),
      curvature_(options.n_outputs * n_),
      in_hessian_(options.n_outputs * n_),
      H_(options.n_outputs * padded_ * padded_),
      of_(static_cast<std::size_t>(options.n_outputs)) {
  loss_of_rows(options.loss);
  centred_rows(X, {nullptr, 0, n_}, centre, scale, padded_, Z_.data());
  for (int64_t i = 0; !options.fit_intercept && i < n_; ++i) Z_[i * padded_ + m_ - 1] = 0;
}

void Newton::begin(const LossData<double>& data, const double* W) {
  const KernelTable& table = kernels();
  Room room(n_, padded_);
  for (int64_t c = 0; c < options_.n_outputs; ++c) {
    std::memcpy(W_.data() + c * padded_, W + c * m_, static_cast<std::size_t>(m_) * sizeof(double));
    table.multiply_rows(Z_.data(), padded_, n_, weights(c), S_.data() + c * n_);
    Output& output = of_[static_cast<std::size_t>(c)] = {};
    output.level = options_.levels;
    output.l2 = options_.l2 * std::pow(options_.weaker, -output.level);
    read_targets(data, c, room);
    look(table, data, c, room);
  }
}

int64_t Newton::step(const LossData<double>& data, double enough, int num_threads, const Poll& poll) {
  std::vector<int64_t> at_work;
  for (int64_t c = 0; c < options_.n_outputs; ++c)
    if (!of_[static_cast<std::size_t>(c)].settled && !(gap(c) <= enough)) at_work.push_back(c);
  if (at_work.empty()) return 0;
  const auto count = static_cast<int64_t>(at_work.size());
  // Scores, gradients and the loss; the Hessian of few rows, its factor.
  const double work = static_cast<double>(n_ * m_) * 8 + static_cast<double>(m_ * m_ * m_) / 6;
  const int threads =
      static_cast<int>(minimum<int64_t>(threads_for(num_threads, work * static_cast<double>(count)), count));
  std::vector<Room> rooms;
  for (int i = 0; i < threads; ++i) rooms.emplace_back(n_, padded_);
  std::vector<Share> left(at_work.size(), Share{0, 1});
  std::vector<char> moved(at_work.size());
  const KernelTable& table = kernels();
  in_regions(threads, left, poll, [&](Team& team, std::size_t i) {
    Room& room = rooms[static_cast<std::size_t>(team.rank())];
    read_targets(data, at_work[i], room);
    moved[i] = move(table, data, at_work[i], room);
    left[i].begin = 1;
  });
  int64_t total = 0;
  for (const char one : moved) total += one;
  return total;
}

void Newton::read_targets(const LossData<double>& data, int64_t c, Room& room) const {
  const double positive = data.positive_weight ? data.positive_weight[c] : 1.0;
  for (int64_t i = 0; i < n_; ++i) {
    const double t = target_of(data, options_.n_outputs, i, c);
    const double weight = data.sample_weight ? data.sample_weight[i] : 1.0;
    room.target[i] = t;
    room.share[i] = (t == 1 ? positive * weight : weight) / options_.total_weight;
  }
}

// F, its gradient and the curvatures at the scores of output c.
void Newton::look(const KernelTable& table, const LossData<double>& data, int64_t c, Room& room) {
  const auto& [margin, delta] = data.parameters;
  const double *w = weights(c), b = w[m_ - 1];
  double *g = g_.data() + c * padded_, *h = curvature_.data() + c * n_;
  const Samples samples{S_.data() + c * n_, room.target.data(), room.share.data(), n_, margin, delta};
  const double loss = loss_of_rows(options_.loss).curves(samples, room.d.data(), h);
  for (int64_t j = 0; j < padded_; ++j) g[j] = options_.l2 * w[j];
  g[m_ - 1] = options_.intercept_penalty * b;
  table.combine_rows(Z_.data(), padded_, n_, room.d.data(), g);
  double curvature = options_.intercept_penalty;  // of F in the intercept
  for (int64_t i = 0; i < n_; ++i) curvature += h[i];
  Output& output = of_[static_cast<std::size_t>(c)];
  const double squares = dot(w, w, m_ - 1), stronger = output.l2 - options_.l2;
  output.own_F = loss + 0.5 * options_.l2 * squares + 0.5 * options_.intercept_penalty * b * b;
  output.gradient_square = dot(g, g, m_);
  output.gap = dot(g, g, m_ - 1) / (2 * options_.l2) + 0.5 * g[m_ - 1] * g[m_ - 1] / maximum(curvature, kLeast);
  output.F = output.own_F + 0.5 * stronger * squares;
  for (int64_t j = 0; j < m_ - 1; ++j) g[j] += stronger * w[j];
}

// On to the next penalty; false if it was the last.
bool Newton::weaken(const KernelTable& table, const LossData<double>& data, int64_t c, Room& room) {
  Output& output = of_[static_cast<std::size_t>(c)];
  if (output.level == 0) return false;
  output.l2 = options_.l2 * std::pow(options_.weaker, -(--output.level));
  look(table, data, c, room);
  return true;
}

// False if no step of output c gains anything.
bool Newton::move(const KernelTable& table, const LossData<double>& data, int64_t c, Room& room) {
  Output& output = of_[static_cast<std::size_t>(c)];
  output.settled = true;
  update_hessian(table, c, room);
  if (!direction(c, room)) {  // sums and differences of many steps have left nothing of it
    output.has_hessian = false;
    update_hessian(table, c, room);
    if (!direction(c, room)) return false;
  }
  const double *w_now = weights(c), *p = room.p.data();
  const double first = dot(g_.data() + c * padded_, p, m_);
  if (!(-first > kRounding * output.F) || !std::isfinite(first)) {
    const bool goes_on = weaken(table, data, c, room);
    output.settled = !goes_on;
    return goes_on;
  }
  table.multiply_rows(Z_.data(), padded_, n_, p, room.D.data());
  const auto& [margin, delta] = data.parameters;
  const Samples samples{S_.data() + c * n_, room.target.data(), room.share.data(), n_, margin, delta};
  const double own = options_.intercept_penalty * p[m_ - 1];
  const PenaltySlope penalty{output.l2 * dot(w_now, p, m_ - 1) + own * w_now[m_ - 1],
                             output.l2 * dot(p, p, m_ - 1) + own * p[m_ - 1]};
  const double t = best_step(loss_of_rows(options_.loss), samples, room.D.data(), penalty, first), before = output.F;
  double *w = W_.data() + c * padded_, *s = S_.data() + c * n_;
  for (int64_t j = 0; j < m_; ++j) w[j] += t * p[j];
  for (int64_t i = 0; i < n_; ++i) s[i] += t * room.D[i];
  look(table, data, c, room);
  const bool at_the_end = before - output.F <= options_.settled * before;
  output.settled = !(at_the_end && weaken(table, data, c, room)) && !(output.F < before);
  return true;
}

// H of the losses at the curvatures of now: what the rows have changed is added, or all anew where many have.
void Newton::update_hessian(const KernelTable& table, int64_t c, Room& room) {
  double *H = H_.data() + c * padded_ * padded_, *held = in_hessian_.data() + c * n_;
  const double* h = curvature_.data() + c * n_;
  Output& output = of_[static_cast<std::size_t>(c)];
  int64_t changed = 0;
  for (int64_t i = 0; output.has_hessian && i < n_; ++i) changed += h[i] != held[i];
  if (!output.has_hessian || static_cast<double>(changed) > kManyRows * static_cast<double>(n_)) {
    std::memset(H, 0, static_cast<std::size_t>(padded_ * padded_) * sizeof(double));
    std::memset(held, 0, static_cast<std::size_t>(n_) * sizeof(double));
    output.has_hessian = true;
  }
  int64_t count = 0;
  for (int64_t i = 0; i < n_; ++i) {
    const double weight = h[i] - held[i];
    if (weight == 0) continue;
    room.place[count] = i * padded_;
    room.weight[count++] = weight;
    held[i] = h[i];
  }
  for (int64_t first = 0; first < count; first += kRowsAtOnce) {
    const GramRows rows{Z_.data(), padded_, room.place.data() + first, room.weight.data() + first,
                        minimum(kRowsAtOnce, count - first)};
    for (int64_t j = 0; j < m_; j += kGramColumns) table.add_gram(rows, j, room.weighted.data(), H);
  }
}

// p = -(H + penalty)^-1 g; false if rounding has left no positive definite matrix.
bool Newton::direction(int64_t c, Room& room) {
  const double *H = H_.data() + c * padded_ * padded_, *g = g_.data() + c * padded_;
  double *A = room.factor.data(), *p = room.p.data();
  std::memcpy(A, H, static_cast<std::size_t>(padded_ * padded_) * sizeof(double));
  for (int64_t j = 0; j < m_ - 1; ++j) A[j * padded_ + j] += of_[static_cast<std::size_t>(c)].l2;
  A[(m_ - 1) * (padded_ + 1)] += maximum(options_.intercept_penalty, kLeast);
  for (int64_t j = 0; j < padded_; ++j) p[j] = -g[j];
  char triangle = 'L';
  int n = static_cast<int>(m_), one = 1, lda = static_cast<int>(padded_), info = 0;
  options_.solve(&triangle, &n, &one, A, &lda, p, &n, &info);
  return info == 0;
}

}  // namespace softmargin
