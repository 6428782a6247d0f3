// One block of rows on a team of threads: rows are split for the scores, features for the gradient, nothing is reduced
// across threads.
//
// But for batches too large for the caches on one or two threads: there each half of the rows has a gradient of its
// own, worked out with the scores while its rows are in the L1 and L2 and the next ones are on their way, and the two
// are added feature by feature. More threads add up the same halves in the same order, so that the bits are the same.
#pragma once

#include "objective.h"

namespace softmargin {

// A block of this many rows is summed in W's type alone.
inline constexpr int64_t kMostNarrowRows = 256;

// dW of a tile of features is added to for all rows of a block, and should stay in the L2 meanwhile: 256 kB of float32.
inline constexpr int64_t kStepWeights = int64_t{64} << 10;

// Numbers of a batch from which on it goes by halves, if it does not go by features (by_features.h): half a MB of
// float32 (50 000 x 3072, epochs of Adam, two threads, in proportion to those without: batches of 256 0.83, 128 0.90,
// 64 0.94, 32 1.1).
inline constexpr int64_t kHalvesFrom = int64_t{1} << 17;

template <class T>
class TwoPhase {
 public:
  TwoPhase(const Problem<T>& problem, int64_t max_rows, int threads, bool halves = false)
      : problem_(problem),
        layout_(problem.layout()),
        packing_(problem.packing()),
        max_tiles_(tiles_of(max_rows) + 2),
        workspace_(layout_.width, problem.n_outputs, threads),
        S_(max_tiles_ * problem.n_outputs * kTileRows),
        loss_(max_tiles_),
        db_(max_tiles_ * problem.n_outputs),
        part_size_(
            layout_.gradient_wide ? 0 : minimum<int64_t>(kFeatureTile, padded_features(packing_)) * problem.n_outputs),
        parts_(Buffer<T>::zeros(2 * threads * part_size_)),
        halves_(Buffer<T>::zeros(halves && threads <= 2 && max_rows * problem.X.n_features >= kHalvesFrom &&
                                         !layout_.gradient_wide && problem.n_outputs <= kScoreOutputs
                                     ? 2 * packed_size(packing_)
                                     : 0)) {}

  // Tiles of a block of rows: of kTileRows, or of few enough rows that eight threads find work in a small batch, if it
  // is any work at all.
  int64_t tiles_of(int64_t n_rows) const {
    const int64_t full = (n_rows + kTileRows - 1) / kTileRows;
    const int64_t small = minimum<int64_t>((n_rows + 7) / 8, 8);
    return full > small ? full + full % 2 : problem_.multiply_adds(n_rows) < kSmallWork ? full : small;
  }

  // Phase 1, this thread's share of the tiles: scores, loss and dS; and the gradient, where each half has its own.
  void scores(Team& team, const Rows& rows, const T* W, const T* b) {
    const int64_t n = tiles_of(rows.count), k = problem_.n_outputs;
    const bool halves = !halves_.empty() && by_halves(rows);
    const Share share = share_of(halves ? 2 : n, team.rank(), team.size());
    const Share own = halves ? Share{first_of_half(n, share.begin), first_of_half(n, share.end)} : share;
    Scratch<T> scratch = workspace_.scratch(team.rank(), halves ? kTileRows / 2 : kTileRows);
    for (int64_t t = own.begin; t < own.end; ++t) {
      T* S = S_.data() + t * k * kTileRows;
      const Rows part = tile(rows, t, n);
      // Behind the last tile of this thread comes its first one in the next block or batch.
      if (t + 1 == own.end) scratch.next = tile(rows, own.begin, n).first + rows.count;
      clear(t);
      if (!softmargin::differentiate(problem_, part, W, b, S, scratch, workspace_.targets(team.rank()), &loss_[t],
                                     db_.data() + t * k)) {
        finite_.store(false, std::memory_order_relaxed);
      }
      if (!halves) continue;
      T* sum = of_half(t < first_of_half(n, 1) ? 0 : 1);
      layout_.gradient(problem_.X, part, {0, problem_.X.n_features}, S, k, sum, scratch, true);
    }
  }

  // The loss and dS of a tile whose scores are in S.
  void differentiate(const Rows& part, int64_t t, T* S, int rank) {
    const int64_t k = problem_.n_outputs;
    clear(t);
    if (!problem_.kernels().loss[problem_.loss](part, problem_.data, k, S, workspace_.targets(rank), &loss_[t],
                                                db_.data() + t * k)) {
      finite_.store(false, std::memory_order_relaxed);
    }
  }

  // Between the phases: whether all scores were finite; the same answer on all threads.
  bool finite() const { return finite_.load(std::memory_order_relaxed); }

  // To be called by one thread where phase 2 is left out.
  void forget() {
    if (!halves_.empty()) std::memset(halves_.data(), 0, static_cast<std::size_t>(halves_.size()) * sizeof(T));
  }

  double loss(const Rows& rows) const {
    double total = 0;
    for (int64_t t = 0; t < tiles_of(rows.count); ++t) total += loss_[t];
    return total;
  }

  void add_db(const Rows& rows, double* db) const {
    const int64_t k = problem_.n_outputs;
    for (int64_t t = 0; t < tiles_of(rows.count); ++t) {
      for (int64_t c = 0; c < k; ++c) db[c] += db_[t * k + c];
    }
  }

  void add_loss(const Rows& rows, Sums& sums) const {
    sums.loss += loss(rows);
    if (sums.db) add_db(rows, sums.db);
  }

  // The features of this thread: a run of whole chunks.
  Features features(const Team& team) const {
    const int64_t d = problem_.X.n_features;
    const Share own = share_of((d + kChunk - 1) / kChunk, team.rank(), team.size());
    return {minimum(own.begin * kChunk, d), minimum(own.end * kChunk, d)};
  }

  // Phase 2: f(features, G) for this thread's features, tile by tile; G (packed, from the tile on) is for f to use up:
  // of T where the rows are few enough for it, else of double and in the array given, which takes it on top of what is
  // there if `accumulate` says so.
  template <class F>
  void each_gradient(Team& team, const Rows& rows, double* G, bool accumulate, F&& f) {
    const Features own = features(team);
    if (own.begin >= own.end) return;
    const int64_t n = tiles_of(rows.count), k = problem_.n_outputs;
    const Scratch<T> scratch = workspace_.scratch(team.rank());
    const int64_t step = layout_.gradient_wide ? own.end - own.begin : feature_step();
    const bool narrow = !accumulate && is_narrow(rows);
    const bool pairs = !layout_.gradient_wide && k > kScoreOutputs && rows.count == n * kTileRows;
    const int64_t together = pairs ? 2 : 1;
    for (int64_t j = own.begin; j < own.end; j += step) {
      const Features part{j, minimum(j + step, own.end)};
      const int64_t offset = packed_offset(packing_, j);
      double* g = G + offset;
      const int64_t size = packed_offset(packing_, part.end) - offset;
      T* sum = parts_.data() + 2 * team.rank() * part_size_;
      if (narrow && by_halves(rows)) {
        T* second = sum + part_size_;
        for (int64_t half = 0; half < 2; ++half) take_half(rows, half, part, half == 0 ? sum : second, size, scratch);
        for (int64_t i = 0; i < size; ++i) sum[i] += second[i], second[i] = 0;
        f(part, static_cast<const T*>(sum));
        std::memset(sum, 0, static_cast<std::size_t>(size) * sizeof(T));
        continue;
      }
      if (!accumulate && !narrow) std::memset(g, 0, static_cast<std::size_t>(size) * sizeof(double));
      int64_t summed = 0;
      for (int64_t t = 0; t < n; t += together) {
        Rows tile_rows = tile(rows, t, n);
        if (together == 2 && t + 1 < n) tile_rows.count = kPairRows;
        const T* dS = S_.data() + t * k * kTileRows;
        if (layout_.gradient_wide) {
          layout_.gradient_wide(problem_.X, tile_rows, part, dS, k, g, scratch, false);
          continue;
        }
        layout_.gradient(problem_.X, tile_rows, part, dS, k, sum, scratch, false);
        if (narrow) continue;
        summed += tile_rows.count;
        if (t + together >= n || summed + together * kTileRows > kMaxSummedRows) {
          problem_.kernels().flush(sum, g, size);
          summed = 0;
        }
      }
      if (narrow) {
        f(part, static_cast<const T*>(sum));
        std::memset(sum, 0, static_cast<std::size_t>(size) * sizeof(T));
      } else {
        f(part, static_cast<const double*>(g));
      }
    }
  }

  void gradient(Team& team, const Rows& rows, double* G) {
    each_gradient(team, rows, G, true, [](Features, const auto*) {});
  }

  static Rows tile(const Rows& rows, int64_t t, int64_t n) {
    const int64_t begin = rows.count * t / n, end = rows.count * (t + 1) / n;
    return {rows.order, rows.first + begin, end - begin};
  }

  T* tile_scores(int64_t t) { return S_.data() + t * problem_.n_outputs * kTileRows; }
  Scratch<T> scratch(int rank) { return workspace_.scratch(rank); }

 private:
  // Features at a time in phase 2: whole chunks.
  int64_t feature_step() const {
    return minimum<int64_t>(kFeatureTile, maximum<int64_t>(kStepWeights / problem_.n_outputs / kChunk, 1) * kChunk);
  }

  // Whether the gradient is summed in T alone.
  bool is_narrow(const Rows& rows) const { return !layout_.gradient_wide && rows.count <= kMostNarrowRows; }

  bool by_halves(const Rows& rows) const {
    return is_narrow(rows) && problem_.n_outputs <= kScoreOutputs && rows.count * problem_.X.n_features >= kHalvesFrom;
  }

  static int64_t first_of_half(int64_t n_tiles, int64_t half) { return n_tiles * half / 2; }

  T* of_half(int64_t half) { return halves_.data() + half * packed_size(packing_); }

  // The gradient of half of the rows in some features: what phase 1 has left, which is then 0 again, or now.
  void take_half(const Rows& rows, int64_t half, Features part, T* sum, int64_t size, const Scratch<T>& scratch) {
    const int64_t n = tiles_of(rows.count), k = problem_.n_outputs;
    if (!halves_.empty()) {
      T* own = of_half(half) + packed_offset(packing_, part.begin);
      std::memcpy(sum, own, static_cast<std::size_t>(size) * sizeof(T));
      std::memset(own, 0, static_cast<std::size_t>(size) * sizeof(T));
      return;
    }
    for (int64_t t = first_of_half(n, half); t < first_of_half(n, half + 1); ++t)
      layout_.gradient(problem_.X, tile(rows, t, n), part, S_.data() + t * k * kTileRows, k, sum, scratch, false);
  }

  void clear(int64_t t) {
    loss_[t] = 0;
    for (int64_t c = 0; c < problem_.n_outputs; ++c) db_[t * problem_.n_outputs + c] = 0;
  }

  const Problem<T>& problem_;
  const LayoutKernels<T>& layout_;
  Packing packing_;
  int64_t max_tiles_;
  Workspace<T> workspace_;
  Buffer<T> S_;
  Buffer<double> loss_, db_;
  int64_t part_size_;
  Buffer<T> parts_;   // two a thread
  Buffer<T> halves_;  // gradients (packed) of the halves of a batch, 0 between two batches; empty on more threads
  std::atomic<bool> finite_{true};
};

}  // namespace softmargin
