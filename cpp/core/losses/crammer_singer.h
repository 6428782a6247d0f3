// Crammer-Singer hinge: max(0, max_{j != y} s_j - s_y + margin); among equal scores the lowest index counts.
//
// dS is 1 at that j and -1 at y where the loss is positive. Source: Crammer and Singer, JMLR 2 (2001), 265-292.
#pragma once

#include "class_margin.h"

namespace softmargin {
namespace {

struct CrammerSinger {
  static constexpr LossTraits traits{
      "crammer_singer", Target::classes, true, false, false, true, false, "max(0, max_{j != y} s_j - s_y + margin)"};
  static constexpr double curvature(int64_t) { return kNoBound; }

  template <class T>
  static void tile(T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters, T* loss) {
    alignas(64) T right[kTileRows], best[kTileRows], derivative[kTileRows];
    const T margin = T(parameters.margin);
    take_right_class(S, y.label, right);
    lanes([&](int r) { best[r] = S[r]; });
    for (int64_t c = 1; c < n_outputs; ++c) {
      const T* s = S + c * kTileRows;
      lanes([&](int r) { best[r] = maximum(best[r], s[r]); });
    }
    lanes([&](int r) {
      const T excess = best[r] - right[r] + margin;
      loss[r] = maximum(excess, T(0));
      derivative[r] = excess > T(0) ? T(-1) : T(0);
      right[r] = excess > T(0) ? T(1) : T(0);  // what the best class still has to receive
    });
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      lanes([&](int r) {
        const T taken = s[r] == best[r] ? right[r] : T(0);
        s[r] = taken;
        right[r] -= taken;
      });
    }
    put_right_class(S, y.label, derivative);
  }
};

}  // namespace
}  // namespace softmargin
