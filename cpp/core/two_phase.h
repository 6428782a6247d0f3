// One block of rows on a team of threads: rows are split for the scores, features for the gradient, nothing is reduced
// across threads.
#pragma once

#include "objective.h"

namespace softmargin {

// A block of this many rows is summed in W's type alone.
inline constexpr int64_t kMostNarrowRows = 256;

// dW of a tile of features is added to for all rows of a block, and should stay in the L2 meanwhile: 256 kB of float32.
inline constexpr int64_t kStepWeights = int64_t{64} << 10;

template <class T>
class TwoPhase {
 public:
  TwoPhase(const Problem<T>& problem, int64_t max_rows, int threads)
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
        parts_(Buffer<T>::zeros(threads * part_size_)) {}

  // Tiles of a block of rows: of kTileRows, or of few enough rows that eight threads find work in a small batch, if it
  // is any work at all.
  int64_t tiles_of(int64_t n_rows) const {
    const int64_t full = (n_rows + kTileRows - 1) / kTileRows;
    const int64_t small = minimum<int64_t>((n_rows + 7) / 8, 8);
    return full > small ? full + full % 2 : problem_.multiply_adds(n_rows) < kSmallWork ? full : small;
  }

  // Phase 1, this thread's share of the tiles: scores, loss and dS.
  void scores(Team& team, const Rows& rows, const T* W, const T* b) {
    const int64_t n = tiles_of(rows.count), k = problem_.n_outputs;
    Scratch<T> scratch = workspace_.scratch(team.rank());
    const Share own = share_of(n, team.rank(), team.size());
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
    const bool narrow = !accumulate && !layout_.gradient_wide && rows.count <= kMostNarrowRows;
    const bool pairs = !layout_.gradient_wide && k > kScoreOutputs && rows.count == n * kTileRows;
    const int64_t together = pairs ? 2 : 1;
    for (int64_t j = own.begin; j < own.end; j += step) {
      const Features part{j, minimum(j + step, own.end)};
      double* g = G + packed_offset(packing_, j);
      const int64_t size = packed_offset(packing_, part.end) - packed_offset(packing_, part.begin);
      if (!accumulate && !narrow) std::memset(g, 0, static_cast<std::size_t>(size) * sizeof(double));
      T* sum = parts_.data() + team.rank() * part_size_;
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
  Buffer<T> parts_;  // one a thread
  std::atomic<bool> finite_{true};
};

}  // namespace softmargin
