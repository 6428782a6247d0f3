// What crosses every boundary of the core: plain views of the data, without behaviour.
#pragma once

#include <cstdint>

namespace softmargin {

using std::int64_t;

// Rows per tile: the unit in which rows are read, scored and differentiated. 24 is a multiple of the 3, 4, 6 or 8 rows
// that the score kernel has in registers; 24 rows of 3072 float32 are 288 kB and stay in a 1 MB L2 between the score
// and the gradient kernel.
inline constexpr int kTileRows = 24;

// Features per panel of a packed dense matrix (packed.h): one AVX-512 register of float32, a cache line.
inline constexpr int kPanel = 16;

// Features per chunk: what one thread owns is a run of whole chunks, so that every vector is full whoever computes it.
inline constexpr int kChunk = 64;

// The element of a dense matrix; float16 is stored as 16-bit integers.
enum class Element { f32, f64, f16, u8 };

// X (n_samples, n_features). `layout` indexes the registry of layouts; the other fields are read by that layout only.
struct MatrixView {
  int layout = 0;
  int64_t n_samples = 0;
  int64_t n_features = 0;
  // Dense: element (i, j) at data + i * row_stride bytes + j elements. CSR: the values.
  const void* data = nullptr;
  int64_t row_stride = 0;
  // CSR: row i is the entries indptr[i] .. indptr[i + 1] - 1; exactly one of the two pointers is set.
  const void* indices = nullptr;
  const std::int32_t* indptr32 = nullptr;
  const int64_t* indptr64 = nullptr;
  bool sorted = true;  // the indices of every row increase strictly
};

// Rows first .. first + count - 1 of X, or of the order `order` (a permutation) where one is given.
struct Rows {
  const int64_t* order;
  int64_t first;
  int64_t count;
};

// Features [begin, end): whole chunks, but for the end of the last one.
struct Features {
  int64_t begin;
  int64_t end;
};

// y: labels (n_samples,), or values (n_samples, n_outputs) in C order: a distribution, signs or real targets.
template <class T>
struct TargetView {
  const int64_t* labels = nullptr;
  const T* values = nullptr;
};

// Parameters of the losses; each reads those that it names.
struct LossParameters {
  double margin = 1.0;
  double delta = 1.0;
};

}  // namespace softmargin
