// The Gram kernel: adds weighted outer products of dense rows to some columns of a matrix, in double.
#pragma once

#include "simd.h"

namespace softmargin {

// Columns that are worked out together, each in vector registers of its own; and what rows and columns are padded to.
inline constexpr int kGramColumns = 4;
inline constexpr int kGramPadding = 8;

// Rows of a block: row r is Z + place[r], [padded], and has the weight weight[r].
struct GramRows {
  const double* Z;
  int64_t padded;
  const int64_t* place;
  const double* weight;
  int64_t count;
};

namespace {

// With the columns, as many vectors of each as the registers hold: 4 x 3 sums, 3 vectors of a row and one of its
// weight.
inline constexpr int kGramVectors = kRegisters == 32 ? 6 : 3;

// G [column][padded], `vectors` vectors from feature i on += sum_r weighted[r][column] z_r.
template <int vectors>
void add_to_columns(const GramRows& rows, const double* weighted, int64_t i, double* G) {
  constexpr int width = Simd<double>::width;
  Vec<double> sum[kGramColumns][vectors];
  for (int c = 0; c < kGramColumns; ++c) {
    for (int v = 0; v < vectors; ++v) sum[c][v] = load(G + c * rows.padded + i + v * width);
  }
  for (int64_t r = 0; r < rows.count; ++r, weighted += kGramColumns) {
    const double* z = rows.Z + rows.place[r] + i;
    Vec<double> x[vectors];
    for (int v = 0; v < vectors; ++v) x[v] = load(z + v * width);
    for (int c = 0; c < kGramColumns; ++c) {
      const Vec<double> w = broadcast(weighted[c]);
      for (int v = 0; v < vectors; ++v) sum[c][v] += w * x[v];
    }
  }
  for (int c = 0; c < kGramColumns; ++c) {
    for (int v = 0; v < vectors; ++v) store(G + c * rows.padded + i + v * width, sum[c][v]);
  }
}

template <int vectors>
void add_rest(const GramRows& rows, const double* weighted, int64_t i, double* G) {
  if constexpr (vectors > 0) {
    if (rows.padded - i == vectors * Simd<double>::width) return add_to_columns<vectors>(rows, weighted, i, G);
    add_rest<vectors - 1>(rows, weighted, i, G);
  }
}

// The columns j .. j + kGramColumns - 1 of G [padded][padded], from the diagonal on, += sum_r weight_r z_r z_r'.
// weighted [rows.count][kGramColumns] is room.
inline void add_gram(const GramRows& rows, int64_t j, double* weighted, double* G) {
  constexpr int width = Simd<double>::width;
  for (int64_t r = 0; r < rows.count; ++r) {
    const double* z = rows.Z + rows.place[r] + j;
    double products[kGramColumns];  // read before any is written, so that they are one vector
    for (int c = 0; c < kGramColumns; ++c) products[c] = rows.weight[r] * z[c];
    for (int c = 0; c < kGramColumns; ++c) weighted[r * kGramColumns + c] = products[c];
  }
  double* columns = G + j * rows.padded;
  int64_t i = j / width * width;
  for (; i + kGramVectors * width <= rows.padded; i += kGramVectors * width)
    add_to_columns<kGramVectors>(rows, weighted, i, columns);
  add_rest<kGramVectors - 1>(rows, weighted, i, columns);
}

}  // namespace
}  // namespace softmargin
