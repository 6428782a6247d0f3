// Teams of threads around the kernels that show what the machine can do at most.
#include "machine.h"

#include <mutex>

#include "dispatch.h"

namespace softmargin {
namespace {

// Shares that begin at a multiple of a chunk, so that all vectors but the last are whole.
Share chunks_of(int64_t n, const Team& team) {
  const Share own = share_of((n + kChunk - 1) / kChunk, team.rank(), team.size());
  return {minimum(own.begin * kChunk, n), minimum(own.end * kChunk, n)};
}

}  // namespace

double read_memory(const float* p, int64_t n, int num_threads) {
  std::vector<double> parts(static_cast<std::size_t>(num_threads));
  parallel(num_threads, [&](Team& team) {
    const Share own = chunks_of(n, team);
    parts[static_cast<std::size_t>(team.rank())] =
        static_cast<double>(kernels().f32.read(p + own.begin, own.end - own.begin));
  });
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

template <class T>
double peak_operations(int64_t rounds, int num_threads) {
  std::vector<double> parts(static_cast<std::size_t>(num_threads));
  parallel(num_threads, [&](Team& team) {
    T x[2] = {T(0.5), T(1)};
    const double operations = kernels_of<T>(kernels()).multiply_adds(rounds, x);
    parts[static_cast<std::size_t>(team.rank())] = x[0] == x[0] ? operations : 0;
  });
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

void move_memory(float* w, const float* g, float* s0, float* s1, int64_t n, int num_threads) {
  parallel(num_threads, [&](Team& team) {
    const auto [begin, end] = chunks_of(n, team);
    kernels().f32.move_state(w + begin, g + begin, s0 + begin, s1 + begin, end - begin);
  });
}

template <class T>
bool accumulate_freely(const Problem<T>& problem, const T* W, const T* b, Sums& sums, int num_threads) {
  const LayoutKernels<T>& layout = problem.layout();
  const int64_t size = packed_size(problem.packing()), k = problem.n_outputs, n = problem.X.n_samples;
  const Features all{0, problem.X.n_features};
  Workspace<T> workspace(layout.width, k, num_threads);
  std::vector<Buffer<T>> dW, S;
  std::vector<Buffer<double>> db;
  for (int i = 0; i < num_threads; ++i) {
    dW.push_back(Buffer<T>::zeros(size));
    S.emplace_back(k * kTileRows);
    db.push_back(Buffer<double>::zeros(k));
  }
  std::memset(sums.G, 0, static_cast<std::size_t>(size) * sizeof(double));
  std::memset(sums.db, 0, static_cast<std::size_t>(k) * sizeof(double));
  std::atomic<int64_t> next{0};
  std::atomic<bool> finite{true};
  std::mutex mutex;
  parallel(num_threads, [&](Team& team) {
    const auto rank = static_cast<std::size_t>(team.rank());
    const Scratch<T> scratch = workspace.scratch(team.rank(), kTileRows / 2);
    double loss = 0;
    // Ten tiles at a time, as a slot takes them, so that the next tile is mostly the one that was fetched.
    for (int64_t row = next.fetch_add(kMaxSummedRows); row < n; row = next.fetch_add(kMaxSummedRows)) {
      const int64_t stop = minimum(row + kMaxSummedRows, n);
      for (int64_t at = row; at < stop; at += kTileRows) {
        const Rows tile{nullptr, at, minimum<int64_t>(kTileRows, stop - at)};
        if (!differentiate(problem, tile, W, b, S[rank].data(), scratch, workspace.targets(team.rank()), &loss,
                           db[rank].data()))
          finite = false;
        layout.gradient(problem.X, tile, all, S[rank].data(), k, dW[rank].data(), scratch, true);
      }
    }
    const std::lock_guard lock(mutex);
    sums.loss += loss;
    for (int64_t c = 0; c < k; ++c) sums.db[c] += db[rank][c];
    for (int64_t i = 0; i < size; ++i) sums.G[i] += static_cast<double>(dW[rank][i]);
  });
  return finite;
}

template double peak_operations<float>(int64_t, int);
template double peak_operations<double>(int64_t, int);
template bool accumulate_freely(const Problem<float>&, const float*, const float*, Sums&, int);

}  // namespace softmargin
