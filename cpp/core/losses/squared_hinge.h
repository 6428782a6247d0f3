// Squared Weston-Watkins hinge: sum_{j != y} max(0, s_j - s_y + margin)^2, each term squared (not their sum).
//
// dS_j = 2 max(0, s_j - s_y + margin), dS_y = -their sum.
#pragma once

#include "class_margin.h"

namespace softmargin {
namespace {

struct SquaredHinge {
  static constexpr LossTraits traits{
      "squared_hinge", Target::classes, true, true, false, true, false, "sum_{j != y} max(0, s_j - s_y + margin)^2",
      kNoBound,        kNoBound};

  // With all a = k - 1 terms active the Hessian is 2 [I, -1; -1', a], whose largest eigenvalue is 2 (a + 1).
  static constexpr double curvature(int64_t n_outputs) { return 2.0 * static_cast<double>(n_outputs); }

  template <class T>
  static void tile(T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters, T* loss) {
    alignas(64) T right[kTileRows], total[kTileRows];
    const T margin = T(parameters.margin);
    take_right_class(S, y.label, right);
    lanes([&](int r) { loss[r] = total[r] = T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      lanes([&](int r) {
        const T excess = maximum(s[r] - right[r] + margin, T(0));
        loss[r] += excess * excess;
        total[r] -= T(2) * excess;
        s[r] = T(2) * excess;
      });
    }
    put_right_class(S, y.label, total);
  }

  // With u_j = a_j for j != y: sum_j u_j (u_j / 4 - margin), u >= 0.
  template <class T>
  static void conjugate(const T* A, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                        T* value) {
    const T margin = T(parameters.margin);
    lanes([&](int r) { value[r] = T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T* a = A + c * kTileRows;
      lanes([&](int r) { value[r] += y.label[r] == c ? T(0) : a[r] * (T(0.25) * a[r] - margin); });
    }
  }

  // With d_j = 2 [term j is active] (v_j - v_y): d_j for j != y, and minus their sum for y.
  template <class T>
  static void hessian(const T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters, T* V) {
    alignas(64) T right[kTileRows], own[kTileRows], total[kTileRows];
    const T margin = T(parameters.margin);
    for (int r = 0; r < kTileRows; ++r) {
      right[r] = S[y.label[r] * kTileRows + r] - margin;
      own[r] = V[y.label[r] * kTileRows + r];
      total[r] = T(0);
    }
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T* s = S + c * kTileRows;
      T* v = V + c * kTileRows;
      lanes([&](int r) {
        const T active = y.label[r] != c && s[r] > right[r] ? T(2) : T(0);
        v[r] = active * (v[r] - own[r]);
        total[r] -= v[r];
      });
    }
    put_right_class(V, y.label, total);
  }
};

}  // namespace
}  // namespace softmargin
