// One driver for rows, order and rests; what a loss adds is one function of one unknown.
#include "coordinates.h"

#include <cmath>

#include "buffer.h"
#include "errors.h"
#include "layouts/registry.h"
#include "permutation.h"

namespace softmargin {

namespace {

// Rows between two looks at the clock.
constexpr int64_t kRowsAtOnce = 64;

// Rows whose entries are fetched ahead, and how many of them.
constexpr int64_t kAhead = 2;
constexpr int64_t kFetched = 64;

// A row rests for 1, 2, 4, ... visits after its step was 0 for the second time, the third, ..., up to these.
constexpr int kLongestRest = 8;

// Newton's steps for one unknown; beyond them the bracket is small enough.
constexpr int kSteps = 40;

struct Row {
  double s, q, a, t, weight;  // score, curvature, dual variable, target; weight of the positive targets
};

struct Visit {
  double a, gap;
};

// z + q weight loss'(z) = s + q a by Newton's method from s; the left side rises at least as fast as z, which brackets
// the root.
template <class Loss>
double derivative_at_root(const Row& r, double margin, double delta) {
  const double target = r.s + r.q * r.a;
  double z = r.s, low = -HUGE_VAL, high = HUGE_VAL;
  auto curve = Loss::at(z, r.t, margin, delta);
  for (int i = 0; i < kSteps; ++i) {
    const double excess = z + r.q * r.weight * curve.derivative - target;
    if (excess == 0) break;
    (excess > 0 ? high : low) = z;
    double next = z - excess / (1 + r.q * r.weight * curve.second);
    if (!(next > low && next < high)) next = 0.5 * (maximum(low, z - magnitude(excess)) + minimum(high, z + magnitude(excess)));
    const bool settled = magnitude(next - z) <= 1e-15 * magnitude(z);
    z = next;
    curve = Loss::at(z, r.t, margin, delta);
    if (settled) break;
  }
  return r.weight * curve.derivative;
}

template <class Loss>
Visit visit(const Row& r, double margin, double delta) {
  const double scaled = r.weight > 0 ? r.a / r.weight : 0.0;
  const double conjugate = r.weight * Loss::conjugate_at(scaled, r.t, margin, delta);
  const double gap = r.weight * Loss::at(r.s, r.t, margin, delta).value + conjugate - r.a * r.s;
  if constexpr (Loss::traits.smooth) {
    return {derivative_at_root<Loss>(r, margin, delta), gap};
  } else {
    const auto [anchor, low, high] = Loss::ramp(r.t, margin, delta);
    const double excess = r.s - anchor;
    const double move = r.q > 0 ? excess / r.q : excess > 0 ? HUGE_VAL : excess < 0 ? -HUGE_VAL : 0.0;
    return {maximum(minimum(r.a + move, r.weight * high), r.weight * low), gap};
  }
}

using Step = Visit (*)(const Row&, double margin, double delta);

Step step_of(int loss) {
  Step step = nullptr;
  Losses::for_each([&]<class Loss>(int index) {
    if constexpr (requires { Loss::at(0.0, 0.0, 0.0, 0.0); }) {
      if (index == loss) step = &visit<Loss>;
    }
  });
  if (!step) throw ValueError("loss: expected one of each output alone");
  return step;
}

double target_of(const LossData<double>& data, int64_t n_outputs, int64_t i, int64_t c) {
  return data.y.labels ? (data.y.labels[i] == c ? 1.0 : -1.0) : data.y.values[i * n_outputs + c];
}

// The entries of a row, which random order keeps the hardware from fetching ahead.
template <class Entries>
void fetch(const Entries& row) {
  constexpr int64_t kLine = 64;
  const auto lines = [](const auto* begin, int64_t count) {
    const char* at = reinterpret_cast<const char*>(begin);
    const char* end = reinterpret_cast<const char*>(begin + minimum(count, kFetched));
    for (; at < end; at += kLine) __builtin_prefetch(at);
  };
  lines(row.values, row.count);
  lines(row.indices, row.count);
}

// W x_i, in four sums, so that none waits for the one before.
template <class Entries>
double product(const Entries& row, const double* W) {
  double sum[4] = {};
  int64_t e = 0;
  for (; e + 4 <= row.count; e += 4) {
    for (int64_t lane = 0; lane < 4; ++lane)
      sum[lane] += W[row.indices[e + lane]] * static_cast<double>(row.values[e + lane]);
  }
  for (; e < row.count; ++e) sum[0] += W[row.indices[e]] * static_cast<double>(row.values[e]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// A visit to row i of output c; returns its share of the gap.
template <class Layout>
double visit_row(const Coordinates& p, Step step, int64_t i, int64_t c) {
  const int64_t n = p.X->n_samples, at = c * n + i;
  if (p.rest[at] > 0) {
    --p.rest[at];
    return 0;
  }
  const double w = p.data->sample_weight ? p.data->sample_weight[i] : 1.0;
  if (w == 0) return 0;
  const auto row = Layout::row(*p.X, i);
  double* W = p.W + c * p.X->n_features;
  const double s = p.b[c] + product(row, W);
  const double t = target_of(*p.data, p.n_outputs, i, c), share = w / p.total_weight;
  const double positive = p.data->positive_weight && t == 1 ? p.data->positive_weight[c] : 1.0;
  const Row r{s, share * (p.squares[i] / p.l2 + 1 / p.pull), p.A[at], t, positive};
  const Visit visited = step(r, p.data->parameters.margin, p.data->parameters.delta);
  const double move = visited.a - r.a;
  if (move == 0) {
    if (p.streak[at] > 0) p.rest[at] = p.streak[at];
    p.streak[at] = static_cast<std::uint8_t>(minimum(maximum(2 * p.streak[at], 1), kLongestRest));
    return share * visited.gap;
  }
  p.streak[at] = 0;
  p.A[at] = visited.a;
  const double along = share * move / p.l2;
  if (p.feature_scale) {
    for (int64_t e = 0; e < row.count; ++e)
      W[row.indices[e]] -= along * p.feature_scale[row.indices[e]] * static_cast<double>(row.values[e]);
  } else {
    for (int64_t e = 0; e < row.count; ++e) W[row.indices[e]] -= along * static_cast<double>(row.values[e]);
  }
  p.b[c] -= share * move / p.pull;
  return share * visited.gap;
}

}  // namespace

void ascend(const Coordinates& p, std::uint64_t seed, std::uint64_t epoch, double* gaps, int num_threads,
            const Poll& poll) {
  const Step step = step_of(p.loss);
  const int64_t n = p.X->n_samples;
  Buffer<int64_t> order(n);
  permutation(n, seed, epoch, order.data(), poll);
  std::vector<Share> left(static_cast<std::size_t>(p.n_outputs), Share{0, n});
  for (int64_t c = 0; c < p.n_outputs; ++c) gaps[c] = 0;
  Layouts::for_each([&]<class Layout>(int layout) {
    if constexpr (Layout::width == 1) {
      if (layout != p.X->layout) return;
      const double entries = static_cast<double>(Layout::entry(*p.X, n) - Layout::entry(*p.X, 0));
      // An entry is read twice, at random: some ten multiply-adds of dense rows.
      const auto most = static_cast<int>(minimum<int64_t>(p.n_outputs, 1024));
      const int threads = minimum(threads_for(num_threads, 10 * entries * static_cast<double>(p.n_outputs)), most);
      in_regions(threads, left, poll, [&](Team&, std::size_t c) {
        const int64_t stop = minimum(left[c].begin + kRowsAtOnce, n);
        double gap = 0;
        for (int64_t position = left[c].begin; position < stop; ++position) {
          if (position + kAhead < n) fetch(Layout::row(*p.X, order[position + kAhead]));
          gap += visit_row<Layout>(p, step, order[position], static_cast<int64_t>(c));
        }
        gaps[c] += gap;
        left[c].begin = stop;
      });
    }
  });
}

}  // namespace softmargin
