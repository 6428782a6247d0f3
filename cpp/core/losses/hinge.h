// Weston-Watkins hinge: sum_{j != y} max(0, s_j - s_y + margin); dS_j = [s_j - s_y + margin > 0], dS_y = -their count.
//
// Source: Weston and Watkins, Support Vector Machines for Multi-Class Pattern Recognition, ESANN 1999.
#pragma once

#include "class_margin.h"

namespace softmargin {
namespace {

struct Hinge {
  static constexpr LossTraits traits{
      "hinge", Target::classes, true, false, false, true, false, "sum_{j != y} max(0, s_j - s_y + margin)",
      1.0,     kNoBound};
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

  // With u_j = a_j for j != y: -margin sum_j u_j, 0 <= u <= 1.
  template <class T>
  static void conjugate(const T* A, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                        T* value) {
    const T margin = T(parameters.margin);
    lanes([&](int r) { value[r] = T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T* a = A + c * kTileRows;
      lanes([&](int r) { value[r] += y.label[r] == c ? T(0) : -margin * a[r]; });
    }
  }

  // u_j = centre_j + excess_j / width, clipped to [0, 1].
  template <class T>
  static void smoothed(T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                       const Smoothing<T>& smoothing, T* loss) {
    alignas(64) T right[kTileRows], total[kTileRows];
    const T margin = T(parameters.margin), width = smoothing.width;
    for (int r = 0; r < kTileRows; ++r) right[r] = S[y.label[r] * kTileRows + r], loss[r] = total[r] = T(0);
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      const T* centre = smoothing.centre + c * kTileRows;
      lanes([&](int r) {
        const T other = y.label[r] == c ? T(0) : T(1);
        const T excess = s[r] - right[r] + margin;
        const T u = other * minimum(maximum(centre[r] + excess / width, T(0)), T(1));
        const T moved = u - centre[r];
        loss[r] += other * (u * excess - T(0.5) * width * moved * moved);
        total[r] -= u;
        s[r] = u;
      });
    }
    put_right_class(S, y.label, total);
  }

  // d_j = [0 < u_j < 1] (v_j - v_y) / width for j != y, and minus their sum for y.
  template <class T>
  static void smoothed_hessian(const T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                               const Smoothing<T>& smoothing, T* V) {
    alignas(64) T right[kTileRows], own[kTileRows], total[kTileRows];
    const T margin = T(parameters.margin), width = smoothing.width;
    for (int r = 0; r < kTileRows; ++r) {
      right[r] = S[y.label[r] * kTileRows + r];
      own[r] = V[y.label[r] * kTileRows + r];
      total[r] = T(0);
    }
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T *s = S + c * kTileRows, *centre = smoothing.centre + c * kTileRows;
      T* v = V + c * kTileRows;
      lanes([&](int r) {
        const T u = centre[r] + (s[r] - right[r] + margin) / width;
        const T inside = y.label[r] != c && u > T(0) && u < T(1) ? T(1) / width : T(0);
        v[r] = inside * (v[r] - own[r]);
        total[r] -= v[r];
      });
    }
    put_right_class(V, y.label, total);
  }
};

}  // namespace
}  // namespace softmargin
