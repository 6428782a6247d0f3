// Weston-Watkins hinge: sum_{j != y} max(0, s_j - s_y + margin); dS_j = [s_j - s_y + margin > 0], dS_y = -their count.
//
// Source: Weston and Watkins, Support Vector Machines for Multi-Class Pattern Recognition, ESANN 1999.
#pragma once

#include "class_margin.h"

namespace softmargin {
namespace {

struct Hinge {
  static constexpr LossTraits traits{
      "hinge", Target::classes, true, false, false, true, false, "sum_{j != y} max(0, s_j - s_y + margin)"};
  static constexpr double curvature(int64_t) { return kNoBound; }

  template <class T>
  static void tile(T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters, T* loss) {
    alignas(64) T right[kTileRows], count[kTileRows];
    const T margin = T(parameters.margin);
    take_right_class(S, y.label, right);
    lanes([&](int r) { loss[r] = count[r] = T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      lanes([&](int r) {
        const T excess = s[r] - right[r] + margin;
        const T active = excess > T(0) ? T(1) : T(0);
        loss[r] += maximum(excess, T(0));
        count[r] -= active;
        s[r] = active;
      });
    }
    put_right_class(S, y.label, count);
  }
};

}  // namespace
}  // namespace softmargin
