// Two ways through the data, chosen by the shape of the problem alone: row slots, or blocks of rows whose dW is split
// by features.
#include "objective.h"

#include "two_phase.h"

namespace softmargin {

namespace {

constexpr int64_t kSlots = 16;
constexpr int64_t kFewSlots = 8;  // where the sums are larger
constexpr int64_t kSlotBytes = int64_t{16} << 20;

// A block of way 2 is kMaxSummedRows rows, or a multiple of them while neither its rows nor its scores take more than
// this.
constexpr int64_t kBlockBytes = int64_t{4} << 20;
constexpr int64_t kMostRuns = 4;

// Slots for sums of all of G, 0 where they would take too much memory. Those of sparse rows are added to at random, and
// each is fetched from the L3 once, cleared and merged, which should take little beside the work: two slots take 10.0
// ms where eight take 10.7 (25 000 x 150 000, one output, two threads).
template <class T>
int64_t slots_of(const Problem<T>& problem, double multiply_adds) {
  const int64_t size = packed_size(problem.packing()), bytes = size * static_cast<int64_t>(sizeof(double));
  if (!problem.layout().gradient_wide) {
    if (bytes * kSlots <= kSlotBytes) return kSlots;
    return bytes * kFewSlots <= kSlotBytes ? kFewSlots : 0;
  }
  for (int64_t slots = kFewSlots; slots > 1; slots /= 2) {
    const int64_t most = slots > 4 ? kSlotBytes : 2 * kSlotBytes;
    // Multiply-adds that a number of a slot is worth; less than four slots compete with blocks alone, which cost more.
    const int64_t worth = slots > 2 ? 8 : 2;
    if (bytes * slots <= most && static_cast<double>(worth * slots * size) <= multiply_adds) return slots;
  }
  return 0;
}

// Tiles scored between two looks at the clock, which takes 30 ns.
constexpr int64_t kTilesAtOnce = 4;

// Rows that go through the kernels together: a tile, or a run of tiles where they have few features.
template <class T>
int64_t rows_of_run(const Problem<T>& problem) {
  if (problem.layout().gradient_wide && problem.n_outputs <= kScoreOutputs) return kMaxSummedRows;
  if (problem.layout().width != kPanel || problem.X.n_features > kNarrowFeatures || problem.n_outputs > kScoreOutputs)
    return kTileRows;
  const int64_t stride = problem.X.row_stride, bytes = maximum<int64_t>(stride < 0 ? -stride : stride, 1);
  const int64_t tiles = kRunBytes / (kTileRows * bytes);
  return kTileRows * minimum<int64_t>(maximum<int64_t>(tiles, 1), kRunTiles);
}

// A contiguous share of the rows with sums of its own.
template <class T>
struct Slot {
  double loss = 0;
  double* G;
  double* db;
  bool begun = false;  // G is set to 0 by the thread that adds to it first
};

// Numbers of each slot's G that are merged at a time: 16 slots' 64 kB, read once from wherever they are.
constexpr int64_t kMerged = 512;

// values [n_slots][stride]: the first slot's `count` numbers from `begin` on become the sums of all slots'.
void merge_slots(double* values, int64_t n_slots, int64_t stride, int64_t begin, int64_t count) {
  for (int64_t distance = 1; distance < n_slots; distance *= 2) {
    for (int64_t s = 0; s + distance < n_slots; s += 2 * distance) {
      double* a = values + s * stride + begin;
      const double* other = a + distance * stride;
      for (int64_t i = 0; i < count; ++i) a[i] += other[i];
    }
  }
}

// Way 1: each slot runs through its rows tile by tile, scores, loss and gradient while the tile is in cache. The
// slots' sums are merged in a fixed tree.
template <class T>
bool accumulate_in_slots(const Problem<T>& problem, const Rows& rows, int64_t n_slots, const T* W, const T* b,
                         Sums& sums, int threads, const Poll& poll) {
  const LayoutKernels<T>& layout = problem.layout();
  const Packing packing = problem.packing();
  const int64_t size = packed_size(packing), k = problem.n_outputs;
  const bool gradient = sums.G != nullptr, wide = layout.gradient_wide != nullptr;
  const Features all{0, problem.X.n_features};
  Buffer<double> G(gradient ? n_slots * size : 0);
  auto db = Buffer<double>::zeros(n_slots * k);
  std::vector<Slot<T>> slots;
  std::vector<Share> left;
  const int64_t n_tiles = (rows.count + kTileRows - 1) / kTileRows;
  const int64_t run_rows = rows_of_run(problem);
  for (int64_t s = 0; s < n_slots; ++s) {
    const int64_t begin = n_tiles * s / n_slots * kTileRows;
    const int64_t end = minimum(n_tiles * (s + 1) / n_slots * kTileRows, rows.count);
    left.push_back({begin, end});
    slots.push_back({.G = G.data() + (gradient ? s * size : 0), .db = db.data() + s * k});
  }
  threads = static_cast<int>(minimum<int64_t>(threads, n_slots));
  Workspace<T> workspace(layout.width, k, threads);
  std::vector<Buffer<T>> parts, scores;
  for (int i = 0; i < threads; ++i) {
    parts.push_back(Buffer<T>::zeros(gradient && !wide ? size : 0));
    scores.emplace_back(k * run_rows);
  }

  std::atomic<bool> finite{true};
  const auto piece = [&](Team& team, std::size_t s) {
    const auto rank = static_cast<std::size_t>(team.rank());
    const Scratch<T> scratch = workspace.scratch(team.rank(), problem.derivatives                 ? 0
                                                              : gradient && run_rows == kTileRows ? kTileRows / 2
                                                                                                  : run_rows);
    T* S = scores[rank].data();
    T* part = parts[rank].data();
    Slot<T>& slot = slots[s];
    int64_t& row = left[s].begin;
    if (gradient && !slot.begun) std::memset(slot.G, 0, static_cast<std::size_t>(size) * sizeof(double));
    slot.begun = true;
    const int64_t stop = minimum(row + kMaxSummedRows, left[s].end);
    for (; row < stop; row += run_rows) {
      const Rows run{rows.order, rows.first + row, minimum(run_rows, stop - row)};
      if (!finite ||
          !differentiate(problem, run, W, b, S, scratch, workspace.targets(team.rank()), &slot.loss, slot.db)) {
        finite = false;
        left[s].begin = left[s].end;
        return;
      }
      if (gradient && wide) layout.gradient_wide(problem.X, run, all, S, k, slot.G, scratch, true);
      if (gradient && !wide) layout.gradient(problem.X, run, all, S, k, part, scratch, true);
    }
    row = stop;
    if (gradient && !wide) problem.kernels().flush(part, slot.G, size);
  };
  // The sums of another slot come from the L3 at first, where they are added to at random.
  in_regions(threads, left, poll, piece, wide ? 0 : kRest);
  if (!finite) return false;

  Buffer<double> loss(n_slots);
  for (int64_t s = 0; s < n_slots; ++s) loss[s] = slots[static_cast<std::size_t>(s)].loss;
  merge_slots(loss.data(), n_slots, 1, 0, 1);
  sums.loss = loss[0];
  if (!gradient) return true;
  merge_slots(db.data(), n_slots, k, 0, k);
  std::memcpy(sums.db, db.data(), static_cast<std::size_t>(k) * sizeof(double));
  const int64_t pieces = (size + kMerged - 1) / kMerged;
  parallel(pieces > threads ? threads : 1, [&](Team& team) {
    const Share own = share_of(pieces, team.rank(), team.size());
    for (int64_t begin = own.begin * kMerged; begin < minimum(own.end * kMerged, size); begin += kMerged) {
      const int64_t count = minimum(kMerged, size - begin);
      merge_slots(G.data(), n_slots, size, begin, count);
      std::memcpy(sums.G + begin, G.data() + begin, static_cast<std::size_t>(count) * sizeof(double));
    }
  });
  fill_padding(packing, sums.G, 0.0);
  return true;
}

// A block's rows are read twice, for the scores and for the gradient, and should be in a cache the second time; but
// every block loads and stores all of G and makes the threads wait for each other (50 000 x 768, 1000 outputs: 12 %
// slower with blocks of 240 rows). Sparse rows are short and summed in double: more of them make the searches worth it.
template <class T>
int64_t rows_of_block(const Problem<T>& problem) {
  if (problem.layout().gradient_wide) return 10 * kMaxSummedRows;
  const int64_t longest = maximum(problem.X.n_features, problem.n_outputs) * static_cast<int64_t>(sizeof(T));
  const int64_t runs = kBlockBytes / (longest * kMaxSummedRows);
  return kMaxSummedRows * minimum(maximum<int64_t>(runs, 1), kMostRuns);
}

// Way 2: blocks of rows; rows are split for the scores, features for the gradient (two_phase.h).
template <class T>
bool accumulate_in_blocks(const Problem<T>& problem, const Rows& rows, const T* W, const T* b, Sums& sums, int threads,
                          const Poll& poll) {
  const Packing packing = problem.packing();
  const int64_t k = problem.n_outputs;
  const int64_t block = rows_of_block(problem);
  if (sums.G) std::memset(sums.G, 0, static_cast<std::size_t>(packed_size(packing)) * sizeof(double));
  if (sums.db) std::memset(sums.db, 0, static_cast<std::size_t>(k) * sizeof(double));
  sums.loss = 0;
  TwoPhase<T> step(problem, minimum(block, rows.count), threads);
  int64_t row = 0;
  bool finite = true;
  while (row < rows.count && finite) {
    bool stop = false;
    parallel(threads, [&](Team& team) {
      const Stopwatch watch;
      for (int64_t at = row; at < rows.count && !stop; at += block) {
        const Rows part{rows.order, rows.first + at, minimum(block, rows.count - at)};
        if (!team.phase([&] { step.scores(team, part, W, b); })) return;
        const bool good = step.finite();
        if (!team.phase([&] {
              if (!good) {
                if (team.rank() == 0) finite = false, stop = true;
                return;
              }
              if (sums.G) step.gradient(team, part, sums.G);
              if (team.rank() == 0) {
                step.add_loss(part, sums);
                row = at + block;
                stop = watch.seconds() > kRegionSeconds;
              }
            }))
          return;
      }
    });
    if (row < rows.count) poll();  // after the last region Python looks: the GIL takes a small pass 0.2 us
  }
  return finite;
}

}  // namespace

template <class T>
bool differentiate(const Problem<T>& problem, const Rows& rows, const T* W, const T* b, T* S, const Scratch<T>& scratch,
                   T* targets, double* loss, double* db) {
  const int64_t k = problem.n_outputs;
  if (problem.derivatives) {
    each_tile(rows, k, S, [&](const Rows& tile, T* s) {
      read_rows(tile, problem.derivatives, k, s);
      weigh(tile, problem.data.sample_weight, k, s, db);
    });
    return true;
  }
  problem.layout().scores(problem.X, rows, {0, problem.X.n_features}, W, b, k, S, scratch);
  if (problem.scores_out)
    each_tile(rows, k, S, [&](const Rows& tile, T* s) { write_rows(tile, s, k, problem.scores_out); });
  return problem.kernels().loss[problem.loss](rows, problem.data, k, S, targets, loss, db);
}

template <class T>
bool accumulate(const Problem<T>& problem, const Rows& rows, const T* W, const T* b, Sums& sums, int num_threads,
                const Poll& poll) {
  const double work = problem.multiply_adds(rows.count);
  const int threads = threads_for(num_threads, work);
  const int64_t slots = sums.G ? slots_of(problem, work) : kSlots;
  if (slots > 0 && rows.count >= kSlots * kMaxSummedRows)
    return accumulate_in_slots(problem, rows, slots, W, b, sums, threads, poll);
  return accumulate_in_blocks(problem, rows, W, b, sums, threads, poll);
}

template <class T>
bool all_scores(const Problem<T>& problem, const T* W, const T* b, T* S, int num_threads, const Poll& poll) {
  const LayoutKernels<T>& layout = problem.layout();
  const int64_t n = problem.X.n_samples, k = problem.n_outputs;
  const int threads = threads_for(num_threads, problem.multiply_adds(n) / 2);
  Workspace<T> workspace(layout.width, k, threads);
  std::vector<Buffer<T>> tiles;
  for (int i = 0; i < threads; ++i) tiles.emplace_back(k * kTileRows);
  const int64_t n_tiles = (n + kTileRows - 1) / kTileRows;
  std::vector<Share> left;
  const int shares = kSharesOfThread * threads;
  for (int i = 0; i < shares; ++i) left.push_back(share_of(n_tiles, i, shares));
  std::atomic<bool> finite{true};
  in_regions(threads, left, poll, [&](Team& team, std::size_t share) {
    T* tile = tiles[static_cast<std::size_t>(team.rank())].data();
    int64_t& t = left[share].begin;
    const int64_t stop = minimum(t + kTilesAtOnce, left[share].end);
    for (; t < stop; ++t) {
      const Rows rows{nullptr, t * kTileRows, minimum<int64_t>(kTileRows, n - t * kTileRows)};
      layout.scores(problem.X, rows, {0, problem.X.n_features}, W, b, k, tile, workspace.scratch(team.rank()));
      T probe = T(0);
      for (int64_t r = 0; r < rows.count; ++r) {
        for (int64_t c = 0; c < k; ++c) {
          const T s = tile[c * kTileRows + r];
          S[(rows.first + r) * k + c] = s;
          probe += s - s;
        }
      }
      if (probe != T(0)) finite = false;
    }
  });
  return finite;
}

template bool accumulate(const Problem<float>&, const Rows&, const float*, const float*, Sums&, int, const Poll&);
template bool accumulate(const Problem<double>&, const Rows&, const double*, const double*, Sums&, int, const Poll&);
template bool all_scores(const Problem<float>&, const float*, const float*, float*, int, const Poll&);
template bool all_scores(const Problem<double>&, const double*, const double*, double*, int, const Poll&);

}  // namespace softmargin
