// The working memory of one thread, allocated by the driver before a parallel region.
#pragma once

#include "../views.h"

namespace softmargin {

// Outputs whose accumulators stay in L1 while a tile of features is scored: 12 x 24 vectors are 9 kB (AVX2).
inline constexpr int kScoreOutputs = 12;

// Rows whose gradient is taken together for many outputs, two tiles: dW is loaded and stored half as often.
inline constexpr int kPairRows = 2 * kTileRows;

// Features per tile: three rows of 256 float32, the tile of W for 10 outputs and the accumulators are 23 kB of a 32 kB
// L1. Dense rows take two or three of these together where vectors are as wide as a cache line (tile_features).
inline constexpr int kFeatureTile = 256;

// Rows of accumulators: kTileRows, rounded up to the widest vector.
inline constexpr int kAccumulatorRows = 32;

// Rows of at most this many features, and few outputs, go through the kernels in runs of as many tiles as kRunBytes
// hold: a call for each tile of 10 features takes longer than its arithmetic. Larger runs lose more than they save: the
// hardware prefetches while rows are scored and rests while their gradient is taken from L1 (2 000 000 x 50 on two
// threads: 36 cycles a row with runs of 5 kB, 46 with 14 kB; the arithmetic alone takes 29).
inline constexpr int kNarrowFeatures = 128;
inline constexpr int kRunTiles = 5;
inline constexpr int kRunRows = kRunTiles * kTileRows;

// Rows that a block of registers takes at most.
inline constexpr int kMostBlockRows = 8;
inline constexpr int64_t kRunBytes = int64_t{6} << 10;

// How far ahead one run of short rows is asked for, a few lines with each row of a gradient. The hardware alone does
// not keep up between the scores of one tile and those of the next (2 000 000 x 50, k = 1, two threads: 25 ms, 35
// without).
inline constexpr int64_t kAheadBytes = int64_t{28} << 10;

template <class T>
struct Scratch {
  T* staged;                // [kTileRows * kFeatureTile]: what the first block of outputs keeps for the others
  int64_t prefetched_rows;  // of the next tile, by the score kernel; a gradient kernel that follows at once fetches the
                            // others
  void* accumulators;       // [kScoreOutputs][kAccumulatorRows] vectors of up to 64 bytes; CSR: [n_outputs] of T
  int64_t next = -1;        // where the next tile begins, -1: behind this one
};

// Cache lines that a kernel asks for while it works, a few before each block of registers: all at once they would fill
// the miss buffers and stall the loads behind them (+10 ms in 50 on a float32 pass of 50 000 x 3072).
struct Fetch {
  const char* row[kRunRows];
  int n_rows = 0;
  int lines = 0;    // of each row
  int tiles = 1;    // of features over which they are spread
  int a_block = 0;  // how many lines a block of registers asks for
  int at_row = 0;
  int at_line = 0;
  int64_t ahead = 0;  // in place of these: each row asks for what lies so many bytes behind it
};

namespace {

inline void plan(Fetch& fetch, int64_t blocks) {
  const int64_t lines = int64_t{fetch.n_rows} * fetch.lines;
  blocks *= fetch.tiles;
  fetch.a_block = static_cast<int>((lines + 4 * blocks - 1) / (4 * blocks) * 4);
}

// Four lines at a time, past the end of the row if it comes to that: a loop with a test for each line costs as much as
// the arithmetic on it. Inlined always: GCC takes a function that only prefetches for one without effect and drops the
// call.
[[gnu::always_inline]] inline void step(Fetch& fetch) {
  if (fetch.at_row >= fetch.n_rows) return;
  const char* line = fetch.row[fetch.at_row] + 64 * fetch.at_line;
  for (int i = 0; i < fetch.a_block; i += 4, line += 256) {
    __builtin_prefetch(line, 0, 2);
    __builtin_prefetch(line + 64, 0, 2);
    __builtin_prefetch(line + 128, 0, 2);
    __builtin_prefetch(line + 192, 0, 2);
  }
  fetch.at_line += fetch.a_block;
  if (fetch.at_line >= fetch.lines) fetch.at_line = 0, ++fetch.at_row;
}

}  // namespace
}  // namespace softmargin
