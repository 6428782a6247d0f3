// One driver for rows, order and rests; what a loss adds is one function of one unknown.
#include "coordinates.h"

#include <cmath>
#include <cstring>

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

// Outputs whose weights lie side by side and whose rows are visited together: an entry of two outputs takes as long as
// one, the weights of a rare feature being one line of the cache.
constexpr int kLanes = 2;

// A row rests for 1, 2, 4, ... visits after its step was 0 for the second time, the third, ..., up to these.
constexpr int kLongestRest = 8;

// Newton's steps for one unknown; beyond them the bracket is small enough.
constexpr int kSteps = 40;

struct Row {
  double s, q, a, t, weight;  // score, curvature, dual variable, target; weight of the positive targets
};

struct Visit {
  double a, value, gap;
};

// Sums over visits: of loss - a s / 2, which is F where the visits have settled, and of the gap.
struct Totals {
  double value = 0, gap = 0;
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
    if (!(next > low && next < high))
      next = 0.5 * (maximum(low, z - magnitude(excess)) + minimum(high, z + magnitude(excess)));
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
  const double loss = r.weight * Loss::at(r.s, r.t, margin, delta).value;
  const double gap = loss + conjugate - r.a * r.s, value = loss - 0.5 * r.a * r.s;
  if constexpr (Loss::traits.smooth) {
    return {derivative_at_root<Loss>(r, margin, delta), value, gap};
  } else {
    const auto [anchor, low, high] = Loss::ramp(r.t, margin, delta);
    const double excess = r.s - anchor;
    const double move = r.q > 0 ? excess / r.q : excess > 0 ? HUGE_VAL : excess < 0 ? -HUGE_VAL : 0.0;
    return {maximum(minimum(r.a + move, r.weight * high), r.weight * low), value, gap};
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

// The weights of a row's entries, most of which are rare features and in no near cache.
template <class Entries>
void fetch_weights(const Entries& row, int lanes, const double* W) {
  const int64_t count = minimum(row.count, kFetched);
  for (int64_t e = 0; e < count; ++e) __builtin_prefetch(W + static_cast<int64_t>(row.indices[e]) * lanes, 1);
}

// Numbers of the outputs that lie side by side: one vector, which the compiler does not make of a loop over two of
// them.
template <int lanes>
struct LanesOf {
  using type = double;
};
template <>
struct LanesOf<2> {
  typedef double type __attribute__((vector_size(16), aligned(8), may_alias));
};
template <int lanes>
using Lanes = typename LanesOf<lanes>::type;

// W x_i, W [n_features] of lanes, in four sums, so that none waits for the one before.
template <class L, class Entries>
L scores(const Entries& row, const L* W) {
  L sum[4] = {};
  int64_t e = 0;
  for (; e + 4 <= row.count; e += 4) {
    for (int i = 0; i < 4; ++i) sum[i] += W[row.indices[e + i]] * static_cast<double>(row.values[e + i]);
  }
  for (; e < row.count; ++e) sum[0] += W[row.indices[e]] * static_cast<double>(row.values[e]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// W [n_features] -= along times the row.
template <class L, class Entries>
void subtract(const Entries& row, L along, const double* feature_scale, L* W) {
  if (feature_scale) {
    for (int64_t e = 0; e < row.count; ++e)
      W[row.indices[e]] -= along * (static_cast<double>(row.values[e]) * feature_scale[row.indices[e]]);
  } else {
    for (int64_t e = 0; e < row.count; ++e) W[row.indices[e]] -= along * static_cast<double>(row.values[e]);
  }
}

// The new dual variable of row i and output c at score s: what it moves by. Adds the row's share.
double move(const Coordinates& p, Step step, int64_t i, int64_t c, double share, double s, Totals* totals) {
  const int64_t at = c * p.X->n_samples + i;
  const double t = target_of(*p.data, p.n_outputs, i, c);
  const double positive = p.data->positive_weight && t == 1 ? p.data->positive_weight[c] : 1.0;
  const Row r{s, share * (p.squares[i] / p.l2 + 1 / p.pull), p.A[at], t, positive};
  const Visit visited = step(r, p.data->parameters.margin, p.data->parameters.delta);
  totals->value += share * visited.value;
  totals->gap += share * visited.gap;
  p.A[at] = visited.a;
  std::uint8_t& streak = p.streak[at];
  if (visited.a != r.a) {
    streak = 0;
  } else {
    p.rest[at] = streak;
    streak = static_cast<std::uint8_t>(minimum(maximum(2 * streak, 1), kLongestRest));
  }
  return visited.a - r.a;
}

// A visit to row i of the outputs first .. first + lanes - 1, but for those in which it rests. b [lanes].
template <class Layout, int lanes>
void visit_row(const Coordinates& p, Step step, int64_t i, int64_t first, Totals* totals, double* b) {
  const double w = p.data->sample_weight ? p.data->sample_weight[i] : 1.0;
  if (w == 0) return;
  bool rests[lanes], all = true;
  for (int l = 0; l < lanes; ++l) {
    std::uint8_t& rest = p.rest[(first + l) * p.X->n_samples + i];
    rests[l] = rest > 0;
    all = all && rests[l];
    if (rest > 0) --rest;
  }
  if (all) return;
  const auto row = Layout::row(*p.X, i);
  using L = Lanes<lanes>;
  auto* W = reinterpret_cast<L*>(p.W + first * p.X->n_features);
  const L scores_of_row = scores(row, W);
  double s[lanes], along[lanes];
  std::memcpy(s, &scores_of_row, sizeof s);
  const double share = w / p.total_weight;
  for (int l = 0; l < lanes; ++l) s[l] += b[l];
  bool moved = false;
  for (int l = 0; l < lanes; ++l) {
    const double by = rests[l] ? 0.0 : share * move(p, step, i, first + l, share, s[l], totals + l);
    along[l] = by / p.l2;
    b[l] -= by / p.pull;
    moved = moved || by != 0;
  }
  if (!moved) return;
  L step_of_lanes;
  std::memcpy(&step_of_lanes, along, sizeof along);
  subtract(row, step_of_lanes, p.feature_scale, W);
}

}  // namespace

void ascend(const Coordinates& p, std::uint64_t seed, std::uint64_t epoch, double* values, double* gaps,
            int num_threads, const Poll& poll) {
  const Step step = step_of(p.loss);
  const int64_t n = p.X->n_samples;
  Buffer<int64_t> order(n);
  permutation(n, seed, epoch, order.data(), poll);
  const int64_t groups = (p.n_outputs + kLanes - 1) / kLanes;
  std::vector<Share> left(static_cast<std::size_t>(groups), Share{0, n});
  for (int64_t c = 0; c < p.n_outputs; ++c) values[c] = gaps[c] = 0;
  Layouts::for_each([&]<class Layout>(int layout) {
    if constexpr (Layout::width == 1) {
      if (layout != p.X->layout) return;
      const double entries = static_cast<double>(Layout::entry(*p.X, n) - Layout::entry(*p.X, 0));
      // An entry is read twice, at random: some ten multiply-adds of dense rows.
      const int wanted = threads_for(num_threads, 10 * entries * static_cast<double>(p.n_outputs));
      const int threads = static_cast<int>(minimum<int64_t>(wanted, groups));
      in_regions(threads, left, poll, [&](Team&, std::size_t group) {
        const int64_t first = static_cast<int64_t>(group) * kLanes;
        const int64_t stop = minimum(left[group].begin + kRowsAtOnce, n);
        const int64_t count = minimum<int64_t>(kLanes, p.n_outputs - first);
        Totals totals[kLanes];
        double b[kLanes] = {};  // apart from those of other threads, which share its cache line in p.b
        for (int64_t l = 0; l < count; ++l) b[l] = p.b[first + l];
        for (int64_t position = left[group].begin; position < stop; ++position) {
          if (position + kAhead < n) fetch(Layout::row(*p.X, order[position + kAhead]));
          if (position + 1 < n) {
            fetch_weights(Layout::row(*p.X, order[position + 1]), static_cast<int>(count),
                          p.W + first * p.X->n_features);
          }
          if (count == kLanes) {
            visit_row<Layout, kLanes>(p, step, order[position], first, totals, b);
          } else {
            visit_row<Layout, 1>(p, step, order[position], first, totals, b);
          }
        }
        for (int64_t l = 0; l < count; ++l) {
          p.b[first + l] = b[l];
          values[first + l] += totals[l].value;
          gaps[first + l] += totals[l].gap;
        }
        left[group].begin = stop;
      });
    }
  });
}

}  // namespace softmargin
