// What the multiclass hinges share: the score of the right class, taken out of the tile so that no loop has to skip it.
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

// right[r] = S[y_r][r], and S[y_r][r] = -infinity: s_j - s_y + margin is then never positive for j = y.
template <class T>
inline void take_right_class(T* S, const int64_t* label, T* right) {
  for (int r = 0; r < kTileRows; ++r) {
    T& score = S[label[r] * kTileRows + r];
    right[r] = score;
    score = -std::numeric_limits<T>::infinity();
  }
}

template <class T>
inline void put_right_class(T* S, const int64_t* label, const T* derivative) {
  for (int r = 0; r < kTileRows; ++r) S[label[r] * kTileRows + r] = derivative[r];
}

}  // namespace
}  // namespace softmargin
