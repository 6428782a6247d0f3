// One driver: tiles of rows in a fixed number of shares, each with sums of its own, added in order.
#include "rowwise.h"

#include <algorithm>
#include <limits>

namespace softmargin {

namespace {

constexpr int64_t kShares = 16;

// Tiles between two looks at the clock.
constexpr int64_t kTilesAtOnce = 16;

// The exponentials and divisions of one score weigh about as much as this many multiply-adds.
constexpr double kScoreWork = 20;

// The same of one score in a product with the Hessian of a row, beside its exponential.
constexpr double kProductWork = 4;

struct RowSums {
  double value = 0;
  std::vector<double> outputs;
};

// f(tile of rows, room for three tiles and two of targets, sums of the share) for all rows, which takes about `work`
// multiply-adds a row and n_sums sums.
template <class T, class F>
RowSums each_tile(const Problem<T>& problem, double work, int64_t n_sums, int num_threads, const Poll& poll, F&& f) {
  const int64_t n = problem.X.n_samples, k = problem.n_outputs;
  const int64_t n_tiles = (n + kTileRows - 1) / kTileRows, n_shares = minimum(kShares, n_tiles);
  const int threads =
      static_cast<int>(minimum<int64_t>(threads_for(num_threads, work * static_cast<double>(n)), n_shares));
  std::vector<Buffer<T>> rooms;
  for (int i = 0; i < threads; ++i) rooms.emplace_back(4 * k * kTileRows);
  std::vector<Share> left;
  std::vector<RowSums> sums(static_cast<std::size_t>(n_shares));
  for (int64_t s = 0; s < n_shares; ++s) {
    left.push_back({n_tiles * s / n_shares, n_tiles * (s + 1) / n_shares});
    sums[static_cast<std::size_t>(s)].outputs.assign(static_cast<std::size_t>(n_sums), 0.0);
  }
  in_regions(threads, left, poll, [&](Team& team, std::size_t s) {
    T* room = rooms[static_cast<std::size_t>(team.rank())].data();
    const int64_t stop = minimum(left[s].begin + kTilesAtOnce, left[s].end);
    for (int64_t& t = left[s].begin; t < stop; ++t) {
      f(Rows{nullptr, t * kTileRows, minimum<int64_t>(kTileRows, n - t * kTileRows)}, room, sums[s]);
    }
  });
  for (std::size_t s = 1; s < sums.size(); ++s) {
    sums[0].value += sums[s].value;
    for (std::size_t c = 0; c < sums[0].outputs.size(); ++c) sums[0].outputs[c] += sums[s].outputs[c];
  }
  return sums[0];
}

// tile = the rows of S, plus shift (n_outputs) where given.
template <class T>
void read_scores(const Rows& rows, const T* S, const T* shift, int64_t k, T* tile) {
  read_rows(rows, S, k, tile);
  if (!shift) return;
  for (int64_t c = 0; c < k; ++c) {
    for (int64_t r = 0; r < kTileRows; ++r) tile[c * kTileRows + r] += shift[c];
  }
}

void copy(const RowSums& sums, double* outputs) {
  for (std::size_t c = 0; outputs && c < sums.outputs.size(); ++c) outputs[c] = sums.outputs[c];
}

}  // namespace

template <class T>
double row_losses(const Problem<T>& problem, const T* S, const T* shift, T* A, double* db, int num_threads,
                  const Poll& poll) {
  const int64_t k = problem.n_outputs;
  LossData<T> unweighted = problem.data;
  unweighted.sample_weight = nullptr;
  const RowSums sums = each_tile(
      problem, kScoreWork * static_cast<double>(k), k, num_threads, poll, [&](const Rows& rows, T* room, RowSums& own) {
        T* tile = room;
        read_scores(rows, S, shift, k, tile);
        const LossKernel<T> loss = problem.kernels().loss[problem.loss];
        const bool weighted = problem.data.sample_weight != nullptr;
        bool finite = true;
        if (A && weighted) {
          std::vector<double> ignored(static_cast<std::size_t>(k));
          double unweighted_loss = 0;
          finite = loss(rows, unweighted, k, tile, room + 2 * k * kTileRows, &unweighted_loss, ignored.data());
          write_rows(rows, tile, k, A);
          read_scores(rows, S, shift, k, tile);
        }
        finite = finite && loss(rows, problem.data, k, tile, room + 2 * k * kTileRows, &own.value, own.outputs.data());
        if (A && !weighted) write_rows(rows, tile, k, A);
        if (!finite) own.value = std::numeric_limits<double>::quiet_NaN();
      });
  copy(sums, db);
  return sums.value;
}

template <class T>
void row_hessians(const Problem<T>& problem, const T* S, const T* shift, T* V, double* vb, int num_threads,
                  const Poll& poll) {
  const int64_t k = problem.n_outputs;
  const RowSums sums = each_tile(
      problem, kScoreWork * static_cast<double>(k), k, num_threads, poll, [&](const Rows& rows, T* room, RowSums& own) {
        T *tile = room, *v = room + k * kTileRows;
        read_scores(rows, S, shift, k, tile);
        read_rows(rows, V, k, v);
        problem.kernels().hessian[problem.loss](rows, problem.data, k, tile, room + 2 * k * kTileRows, v, true);
        write_rows(rows, v, k, V);
        weigh(rows, problem.data.sample_weight, k, v, own.outputs.data());
      });
  copy(sums, vb);
}

template <class T>
void row_curvatures(const Problem<T>& problem, const T* S, bool pairs, T* D, double* H, int num_threads,
                    const Poll& poll) {
  const int64_t k = problem.n_outputs;
  // Outputs that a row's loss takes apart have a diagonal Hessian, which one product with ones shows.
  const bool apart = loss_traits(problem.loss).target != Target::classes;
  const int64_t products = apart ? 1 : k, width = curvatures_of_row(problem, pairs);
  const double work = kScoreWork * static_cast<double>(k) + kProductWork * static_cast<double>(k * products);
  const RowSums sums =
      each_tile(problem, work, H ? k * products : 0, num_threads, poll, [&](const Rows& rows, T* room, RowSums& own) {
        T *tile = room, *v = room + k * kTileRows;
        std::vector<T> found(static_cast<std::size_t>(width * kTileRows));
        T* next = found.data();
        read_rows(rows, S, k, tile);
        for (int64_t c = 0; c < products; ++c) {
          std::fill_n(v, k * kTileRows, T(apart ? 1 : 0));
          std::fill_n(v + c * kTileRows, kTileRows, T(1));
          problem.kernels().hessian[problem.loss](rows, problem.data, k, tile, room + 2 * k * kTileRows, v, c == 0);
          const int64_t begin = apart ? 0 : c, end = apart || pairs ? k : c + 1;
          next = std::copy(v + begin * kTileRows, v + end * kTileRows, next);
          if (H) weigh(rows, problem.data.sample_weight, k, v, own.outputs.data() + c * k);
        }
        write_rows(rows, found.data(), width, D);
      });
  if (!H) return;
  if (!apart) return copy(sums, H);
  std::fill_n(H, k * k, 0.0);
  for (int64_t c = 0; c < k; ++c) H[c * k + c] = sums.outputs[static_cast<std::size_t>(c)];
}

template <class T>
double row_conjugates(const Problem<T>& problem, const T* A, int num_threads, const Poll& poll) {
  const int64_t k = problem.n_outputs;
  return each_tile(problem, kScoreWork * static_cast<double>(k), 0, num_threads, poll,
                   [&](const Rows& rows, T* room, RowSums& own) {
                     read_rows(rows, A, k, room);
                     own.value += problem.kernels().conjugate[problem.loss](rows, problem.data, k, room,
                                                                            room + 2 * k * kTileRows);
                   })
      .value;
}

template <class T>
void row_products(const Problem<T>& problem, double scale, const double* feature_scale, T* S, int num_threads,
                  const Poll& poll) {
  const Packing packing = problem.packing();
  const int64_t k = problem.n_outputs, d = packing.n_features, size = packed_size(packing);
  Buffer<double> G(size);
  std::vector<double> ignored(static_cast<std::size_t>(k));
  Sums sums;
  sums.G = G.data();
  sums.db = ignored.data();
  accumulate<T>(problem, {nullptr, 0, problem.X.n_samples}, nullptr, nullptr, sums, num_threads, poll);
  Buffer<T> W(size);
  const int64_t chunks = (d + kChunk - 1) / kChunk;
  parallel(threads_for(num_threads, static_cast<double>(size)), [&](Team& team) {
    const Share own = share_of(chunks, team.rank(), team.size());
    const Features features{own.begin * kChunk, minimum(own.end * kChunk, d)};
    const int64_t begin = packed_offset(packing, features.begin), end = packed_offset(packing, features.end);
    for (int64_t i = begin; i < end; ++i) W[i] = static_cast<T>(scale * G[i]);
    if (!feature_scale) return;
    for_packed(packing, features,
               [&](int64_t i, int64_t, int64_t j) { W[i] = static_cast<T>(scale * G[i] * feature_scale[j]); });
  });
  const auto no_intercept = Buffer<T>::zeros(k);
  all_scores(problem, W.data(), no_intercept.data(), S, num_threads, poll);
}

#define SOFTMARGIN_INSTANTIATE(T)                                                                   \
  template double row_losses(const Problem<T>&, const T*, const T*, T*, double*, int, const Poll&); \
  template void row_hessians(const Problem<T>&, const T*, const T*, T*, double*, int, const Poll&); \
  template void row_curvatures(const Problem<T>&, const T*, bool, T*, double*, int, const Poll&);   \
  template double row_conjugates(const Problem<T>&, const T*, int, const Poll&);                    \
  template void row_products(const Problem<T>&, double, const double*, T*, int, const Poll&);
SOFTMARGIN_INSTANTIATE(float)
SOFTMARGIN_INSTANTIATE(double)
#undef SOFTMARGIN_INSTANTIATE

}  // namespace softmargin
