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
  int64_t prefetched_rows;  // of the next tile, by the score kernel; a gradient kernel that follows at once fetches the others
  void* accumulators;       // [kScoreOutputs][kAccumulatorRows] vectors of up to 64 bytes; CSR: [n_outputs] of T
};

}  // namespace softmargin
