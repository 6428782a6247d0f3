// Rows are split into slots, each with sums of its own, added in order; blocks of rows are converted and stay in cache.
#include "dense_gram.h"

#include "buffer.h"
#include "centred_rows.h"
#include "dispatch.h"
#include "kernels/table.h"

namespace softmargin {

namespace {

// Slots, fewer where their sums would take more than this; beyond it threads share the columns of a slot.
constexpr int64_t kSlots = 16;
constexpr int64_t kSlotBytes = int64_t{8} << 20;

// A block of converted rows stays in a quarter of a 1 MB L2, and takes no more multiply-adds than a few ms.
constexpr int64_t kBlockBytes = int64_t{256} << 10;
constexpr int64_t kBlockWork = int64_t{1} << 26;
constexpr int64_t kLeastRows = 32;
constexpr int64_t kMostRows = 1024;

// What one thread works in.
struct Room {
  explicit Room(int64_t n_rows, int64_t padded)
      : Z(Buffer<double>::zeros(n_rows * padded)), place(n_rows), weight(n_rows), weighted(n_rows * kGramColumns) {}
  Buffer<double> Z;
  Buffer<int64_t> place;
  Buffer<double> weight, weighted;
};

}  // namespace

void dense_gram(const MatrixView& X, const Rows& rows, const double* centre, const double* scale, const double* weights,
                int64_t n_weights, double* G, int num_threads, const Poll& poll) {
  const int64_t m = X.n_features + 1, padded = round_up(m, kGramPadding), matrix = padded * padded;
  const int64_t size = n_weights * matrix, strips = (m + kGramColumns - 1) / kGramColumns;
  const int64_t row_work = maximum<int64_t>(n_weights * m * m / 2, 1);
  const int64_t fitting = minimum(kBlockBytes / (padded * 8), kBlockWork / row_work);
  const int64_t at_once = maximum(minimum(fitting, kMostRows), kLeastRows);
  int64_t slots = kSlots;
  while (slots > 1 && (slots * size * 8 > kSlotBytes || slots * at_once > rows.count)) slots /= 2;
  const int threads = threads_for(num_threads, static_cast<double>(row_work) * static_cast<double>(rows.count));
  const int64_t groups = (threads + slots - 1) / slots;

  auto sums = Buffer<double>::zeros(slots * size);
  std::vector<Room> rooms;
  for (int i = 0; i < threads; ++i) rooms.emplace_back(at_once, padded);
  std::vector<Share> left;
  for (int64_t s = 0; s < slots * groups; ++s) {
    const int64_t slot = s / groups;
    left.push_back({rows.count * slot / slots, rows.count * (slot + 1) / slots});
  }
  const auto kernel = kernels().add_gram;
  in_regions(threads, left, poll, [&](Team& team, std::size_t s) {
    Room& room = rooms[static_cast<std::size_t>(team.rank())];
    const auto slot = static_cast<int64_t>(s) / groups;
    const Share own =
        share_of(n_weights * strips, static_cast<int>(static_cast<int64_t>(s) % groups), static_cast<int>(groups));
    const int64_t first = left[s].begin, count = minimum(at_once, left[s].end - first);
    left[s].begin += count;
    centred_rows(X, {rows.order, rows.first + first, count}, centre, scale, padded, room.Z.data());
    for (int64_t p = own.begin / strips; p * strips < own.end; ++p) {
      GramRows active{room.Z.data(), padded, room.place.data(), room.weight.data(), 0};
      for (int64_t r = 0; r < count; ++r) {  // losses that are flat have no curvature for many rows
        const double weight = weights[(first + r) * n_weights + p];
        if (weight != 0) room.place[active.count] = r * padded, room.weight[active.count++] = weight;
      }
      const int64_t begin = maximum(own.begin - p * strips, int64_t{0}), end = minimum(own.end - p * strips, strips);
      for (int64_t q = begin; q < end; ++q) {  // long columns in turn with short ones
        const int64_t strip = q % 2 ? strips - 1 - q / 2 : q / 2;
        kernel(active, strip * kGramColumns, room.weighted.data(), sums.data() + slot * size + p * matrix);
      }
    }
  });
  for (int64_t slot = 1; slot < slots; ++slot) {
    for (int64_t i = 0; i < size; ++i) sums[i] += sums[slot * size + i];
  }
  for (int64_t p = 0; p < n_weights; ++p, G += m * m) {
    for (int64_t j = 0; j < m; ++j) {
      for (int64_t i = j; i < m; ++i) G[j * m + i] = G[i * m + j] = sums[p * matrix + j * padded + i];
    }
  }
}

}  // namespace softmargin
