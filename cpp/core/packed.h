// The packed order of W, of its gradient and of the state of a rule: [panel][output][lane].
//
// Features come in panels of `width` lanes; inside a panel the outputs follow each other: dense layouts take kPanel
// lanes (a vector of features for each output, and no two outputs 4096 bytes apart), CSR takes 1 (the outputs of a
// feature side by side). A run of features is a run of memory, so rules and penalties work on plain arrays.
#pragma once

#include "math.h"
#include "views.h"

namespace softmargin {

struct Packing {
  int64_t n_features;
  int64_t n_outputs;
  int width;  // kPanel or 1
};

namespace {

inline int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

inline int64_t padded_features(const Packing& p) { return round_up(p.n_features, p.width); }

// Elements before feature j, j a multiple of the width or the end.
inline int64_t packed_offset(const Packing& p, int64_t j) { return round_up(j, p.width) * p.n_outputs; }

inline int64_t packed_size(const Packing& p) { return padded_features(p) * p.n_outputs; }

// Calls f(packed index, output c, feature j, count) for the runs of features [begin, end) that are side by side in both
// orders.
template <class F>
void for_runs(const Packing& p, Features range, F&& f) {
  for (int64_t j = range.begin; j < range.end; j += p.width) {
    const int64_t count = j + p.width < range.end ? p.width : range.end - j;
    for (int64_t c = 0; c < p.n_outputs; ++c) f(j * p.n_outputs + c * p.width, c, j, count);
  }
}

// Calls f(packed index, output c, feature j) for every element of the features [begin, end).
template <class F>
void for_packed(const Packing& p, Features range, F&& f) {
  for_runs(p, range, [&](int64_t i, int64_t c, int64_t j, int64_t count) {
    for (int64_t l = 0; l < count; ++l) f(i + l, c, j + l);
  });
}

// Lanes past the last feature = value.
template <class P>
void fill_padding(const Packing& p, P* packed, P value) {
  const int64_t rest = p.n_features % p.width;
  if (rest == 0) return;
  P* panel = packed + (p.n_features - rest) * p.n_outputs;
  for (int64_t c = 0; c < p.n_outputs; ++c)
    for (int64_t l = rest; l < p.width; ++l) panel[c * p.width + l] = value;
}

// Calls f(packed index, element of W (n_outputs, n_features)) for every element of the features [begin, end), which
// begin with a whole panel.
template <class F>
[[gnu::always_inline]] inline void for_both(const Packing& p, Features range, F&& f) {
  if (p.width > 1) {
    for_runs(p, range, [&](int64_t i, int64_t c, int64_t j, int64_t count) {
#pragma omp simd
      for (int64_t l = 0; l < count; ++l) f(i + l, c * p.n_features + j + l);
    });
    return;
  }
  constexpr int64_t block = 1024;  // features whose weights stay in the L1 while one output after the other is copied
  for (int64_t begin = range.begin; begin < range.end; begin += block) {
    const int64_t end = begin + block < range.end ? begin + block : range.end;
    for (int64_t c = 0; c < p.n_outputs; ++c)
      for (int64_t j = begin; j < end; ++j) f(j * p.n_outputs + c, c * p.n_features + j);
  }
}

// Some features of W (n_outputs, n_features) -> packed.
template <class T, class P>
void pack_features(const Packing& p, Features range, const T* W, P* packed) {
  for_both(p, range, [&](int64_t i, int64_t w) { packed[i] = P(W[w]); });
}

// W (n_outputs, n_features) -> packed; lanes past the last feature are 0.
template <class T, class P>
void pack(const Packing& p, const T* W, P* packed) {
  fill_padding(p, packed, P(0));
  pack_features(p, {0, p.n_features}, W, packed);
}

// Some features of W (n_outputs, n_features) = scale times packed.
template <class P, class T>
void unpack_features(const Packing& p, Features range, const P* packed, T* W, P scale) {
  for_both(p, range, [&](int64_t i, int64_t w) { W[w] = T(scale * packed[i]); });
}

// W (n_outputs, n_features) = scale times packed.
template <class P, class T>
void unpack(const Packing& p, const P* packed, T* W, P scale = P(1)) {
  unpack_features(p, {0, p.n_features}, packed, W, scale);
}

}  // namespace
}  // namespace softmargin
