// A small batch on a team of threads: features are split for the scores as well as for the gradient, so that no weight
// and no number of X goes from one core to another, and a step needs one barrier.
//
// The scores of a batch are sums over kParts runs of features, added in one order on any number of threads. Every
// thread adds them and works out the loss of the whole batch, which is less work than to wait for the others' shares.
#pragma once

#include "objective.h"

namespace softmargin {

inline constexpr int64_t kParts = 4;  // as differentiate() adds them

// A batch of so many bytes stays in the L2 of the threads between its scores and its gradient (50 000 x 3072, an epoch
// of Adam on two threads, in proportion to the same with rows split for the scores: float32 in batches of 32 0.74, 64
// 0.74, 96 0.95, 128 1.18; uint8 32 0.73, 64 0.66, 256 0.94; 100 000 x 1024 in batches of 32 0.80, 200 1.04).
inline constexpr int64_t kMostSplitBytes = int64_t{768} << 10;
inline constexpr int64_t kLeastSplitFeatures = 1024;

// Multiply-adds of a step from which on: four sums of lanes for one take a tenth of a step of 8 rows.
inline constexpr double kLeastSplitWork = 2e6;

template <class T>
class ByFeatures {
 public:
  static bool suits(const Problem<T>& problem, int64_t batch_size) {
    const int64_t d = problem.X.n_features;
    return !problem.layout().gradient_wide && problem.n_outputs <= kScoreOutputs && d >= kLeastSplitFeatures &&
           batch_size * d * problem.layout().element_bytes <= kMostSplitBytes &&
           2 * problem.multiply_adds(batch_size) >= kLeastSplitWork;
  }

  ByFeatures(const Problem<T>& problem, int64_t batch_size, int threads)
      : problem_(problem),
        layout_(problem.layout()),
        tiles_((batch_size + kTileRows - 1) / kTileRows),
        workspace_(layout_.width, problem.n_outputs, threads),
        zeros_(Buffer<T>::zeros(problem.n_outputs)),
        partial_(2 * kParts * scores_size()) {
    for (int i = 0; i < threads; ++i) {
      dS_.emplace_back(scores_size());
      sums_.emplace_back(kFeatureTile * problem.n_outputs);
    }
  }

  // The features of this thread.
  Features features(const Team& team) const {
    const Share own = share_of(kParts, team.rank(), team.size());
    return {feature_of(own.begin), feature_of(own.end)};
  }

  // Before the barrier: this thread's parts of the scores. Those of one step are on one side, of the next on the other,
  // since a thread may begin the next step while another still adds up.
  void scores(const Team& team, const Rows& rows, const T* W, int side) {
    const Share own = share_of(kParts, team.rank(), team.size());
    for (int64_t p = own.begin; p < own.end; ++p) {
      const Features part{feature_of(p), feature_of(p + 1)};
      each_tile(rows, [&](const Rows& tile, int64_t t) {
        layout_.scores(problem_.X, tile, part, W, zeros_.data(), problem_.n_outputs, of_part(side, p, t),
                       scratch(team, rows, tile));
      });
    }
  }

  // After it: the loss and dS of the batch, the same on all threads. False if a score is not finite. db [n_outputs] and
  // loss are added to.
  bool differentiate(const Team& team, const Rows& rows, const T* b, int side, double* loss, double* db) {
    const int64_t k = problem_.n_outputs, size = k * kTileRows;
    bool finite = true;
    each_tile(rows, [&](const Rows& tile, int64_t t) {
      T* S = dS_[static_cast<std::size_t>(team.rank())].data() + t * size;
      const T* part[kParts];
      for (int64_t p = 0; p < kParts; ++p) part[p] = of_part(side, p, t);
      for (int64_t c = 0; c < k; ++c) {
        for (int64_t i = c * kTileRows; i < (c + 1) * kTileRows; ++i)
          S[i] = (part[0][i] + part[1][i]) + (part[2][i] + part[3][i]) + b[c];
      }
      const auto differentiate_tile = problem_.kernels().loss[problem_.loss];
      if (!differentiate_tile(tile, problem_.data, k, S, workspace_.targets(team.rank()), loss, db)) finite = false;
    });
    return finite;
  }

  // f(features, G) for this thread's features, tile by tile: G [features, packed] is for f to use up.
  template <class F>
  void each_gradient(const Team& team, const Rows& rows, F&& f) {
    const auto rank = static_cast<std::size_t>(team.rank());
    const int64_t k = problem_.n_outputs;
    const Features own = features(team);
    T* sum = sums_[rank].data();
    for (int64_t j = own.begin; j < own.end; j += kFeatureTile) {
      const Features part{j, minimum(j + kFeatureTile, own.end)};
      std::memset(sum, 0, static_cast<std::size_t>(kFeatureTile * k) * sizeof(T));
      for (int64_t r = 0; r < rows.count; r += kPairRows) {
        const Rows pair{rows.order, rows.first + r, minimum<int64_t>(kPairRows, rows.count - r)};
        layout_.gradient(problem_.X, pair, part, dS_[rank].data() + r * k, k, sum, scratch(team, rows, pair), true);
      }
      f(part, static_cast<const T*>(sum));
    }
  }

 private:
  int64_t feature_of(int64_t part) const {
    const int64_t d = problem_.X.n_features;
    return minimum((d + kChunk - 1) / kChunk * part / kParts * kChunk, d);
  }

  int64_t scores_size() const { return tiles_ * problem_.n_outputs * kTileRows; }
  T* of_part(int side, int64_t part, int64_t tile) {
    return partial_.data() + ((side * kParts + part) * tiles_ + tile) * problem_.n_outputs * kTileRows;
  }

  template <class F>
  static void each_tile(const Rows& rows, F&& f) {
    for (int64_t r = 0, t = 0; r < rows.count; r += kTileRows, ++t)
      f(Rows{rows.order, rows.first + r, minimum<int64_t>(kTileRows, rows.count - r)}, t);
  }

  // What follows a tile is the same tile of the next batch: half of its rows are fetched with the scores of this one,
  // half with its gradient.
  Scratch<T> scratch(const Team& team, const Rows& rows, const Rows& tile) {
    Scratch<T> own = workspace_.scratch(team.rank(), kTileRows / 2);
    own.next = tile.first + rows.count;
    return own;
  }

  const Problem<T>& problem_;
  const LayoutKernels<T>& layout_;
  int64_t tiles_;  // of a batch
  Workspace<T> workspace_;
  Buffer<T> zeros_, partial_;         // [side][part][tile][n_outputs][kTileRows]
  std::vector<Buffer<T>> dS_, sums_;  // of each thread
};

}  // namespace softmargin
