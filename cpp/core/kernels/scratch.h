// The working memory of one thread, allocated by the driver before a parallel region.
#pragma once

#include "../views.h"

namespace softmargin {

// Outputs whose accumulators stay in L1 while a tile of features is scored: 12 x 24 vectors are 9 kB (AVX2).
inline constexpr int kScoreOutputs = 12;

// Features per tile: 24 rows of 128 float32 are 12 kB, with the tile of W and the accumulators within a 32 kB L1.
inline constexpr int kFeatureTile = 128;

// Rows of accumulators: kTileRows, rounded up to the widest vector.
inline constexpr int kAccumulatorRows = 32;

template <class T>
struct Scratch {
  T* staged;                // [kTileRows][staged_stride]: rows converted to T
  int64_t staged_features;  // how many features of a row fit: all of them, or one tile
  int64_t staged_stride;
  int64_t prefetched_rows;  // of the next tile, by the score kernel; a gradient kernel that follows at once fetches the
                            // others
  void* accumulators;       // [kScoreOutputs][kAccumulatorRows] vectors of up to 64 bytes; CSR: [n_outputs] of T
};

// Cache lines that a kernel asks for while it works, a few before each block of registers: all at once they would fill
// the miss buffers and stall the loads behind them (+10 ms in 50 on a float32 pass of 50 000 x 3072).
struct Fetch {
  const char* row[kTileRows];
  int n_rows = 0;
  int lines = 0;    // of each row
  int a_block = 0;  // how many lines a block of registers asks for
  int at_row = 0;
  int at_line = 0;
};

namespace {

inline void plan(Fetch& fetch, int64_t blocks) {
  fetch.a_block = static_cast<int>((fetch.n_rows * fetch.lines + blocks - 1) / blocks);
}

// Inlined always: GCC takes a function that only prefetches for one without effect and drops the call.
[[gnu::always_inline]] inline void step(Fetch& fetch) {
  for (int i = 0; i < fetch.a_block && fetch.at_row < fetch.n_rows; ++i) {
    __builtin_prefetch(fetch.row[fetch.at_row] + 64 * fetch.at_line, 0, 2);
    if (++fetch.at_line == fetch.lines) fetch.at_line = 0, ++fetch.at_row;
  }
}

}  // namespace
}  // namespace softmargin
