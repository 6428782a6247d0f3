// Crammer-Singer hinge: max(0, max_{j != y} s_j - s_y + margin); among equal scores the lowest index counts.
//
// dS is 1 at that j and -1 at y where the loss is positive. Source: Crammer and Singer, JMLR 2 (2001), 265-292.
#pragma once

#include "class_margin.h"

namespace softmargin {
namespace {

struct CrammerSinger {
  static constexpr LossTraits traits{"crammer_singer",
                                     Target::classes,
                                     true,
                                     false,
                                     false,
                                     true,
                                     false,
                                     "max(0, max_{j != y} s_j - s_y + margin)",
                                     kNoBound,
                                     1.0};
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

  // With u_j = a_j for j != y: -margin sum_j u_j, u >= 0, sum_j u_j <= 1.
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

  // u = centre + excess / width, projected onto u >= 0, sum_j u_j <= 1: u_j = max(0, v_j - shift) with the shift, at
  // least 0, at which the sum is 1. Newton's method on the sum, convex and falling in the shift, from the left: it
  // takes at most one step for each j that it drops. Source: Held, Wolfe and Crowder, Validation of Subgradient
  // Optimization, Mathematical Programming 6 (1974).
  template <class T>
  static T sum_to_one(const T* S, int64_t n_outputs, int64_t label, int r, T margin, const Smoothing<T>& smoothing) {
    const T right = S[label * kTileRows + r];
    T shift = T(0);
    for (int64_t step = 0; step <= n_outputs; ++step) {
      T sum = T(0), count = T(0);
      for (int64_t c = 0; c < n_outputs; ++c) {
        const int64_t at = c * kTileRows + r;
        const T v = smoothing.centre[at] + (S[at] - right + margin) / smoothing.width - shift;
        if (c != label && v > T(0)) sum += v, count += T(1);
      }
      const T next = shift + (sum - T(1)) / maximum(count, T(1));
      if (sum <= T(1) || !(next > shift)) break;
      shift = next;
    }
    return shift;
  }

  template <class T>
  static void smoothed(T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                       const Smoothing<T>& smoothing, T* loss) {
    const T margin = T(parameters.margin), width = smoothing.width;
    for (int r = 0; r < kTileRows; ++r) {
      const int64_t label = y.label[r];
      const T right = S[label * kTileRows + r], shift = sum_to_one(S, n_outputs, label, r, margin, smoothing);
      T total = T(0);
      loss[r] = T(0);
      for (int64_t c = 0; c < n_outputs; ++c) {
        const int64_t at = c * kTileRows + r;
        if (c == label) continue;
        const T excess = S[at] - right + margin, centre = smoothing.centre[at];
        const T u = maximum(centre + excess / width - shift, T(0));
        loss[r] += u * excess - T(0.5) * width * (u - centre) * (u - centre);
        total += u;
        S[at] = u;
      }
      S[label * kTileRows + r] = -total;
    }
  }

  // With d_j = (v_j - v_y) / width where u_j > 0, less their mean where the sum of u is held at 1; minus their sum for
  // y.
  template <class T>
  static void smoothed_hessian(const T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                               const Smoothing<T>& smoothing, T* V) {
    const T margin = T(parameters.margin), width = smoothing.width;
    for (int r = 0; r < kTileRows; ++r) {
      const int64_t label = y.label[r];
      const T right = S[label * kTileRows + r], own = V[label * kTileRows + r];
      const T shift = sum_to_one(S, n_outputs, label, r, margin, smoothing);
      const auto inside = [&](int64_t c) {
        const int64_t at = c * kTileRows + r;
        return c != label && smoothing.centre[at] + (S[at] - right + margin) / width > shift;
      };
      T sum = T(0), count = T(0);
      for (int64_t c = 0; c < n_outputs; ++c) {
        if (inside(c)) sum += (V[c * kTileRows + r] - own) / width, count += T(1);
      }
      const T mean = shift > T(0) ? sum / count : T(0);
      for (int64_t c = 0; c < n_outputs; ++c) {
        T& v = V[c * kTileRows + r];
        if (c != label) v = inside(c) ? (v - own) / width - mean : T(0);
      }
      V[label * kTileRows + r] = count * mean - sum;
    }
  }
};

}  // namespace
}  // namespace softmargin
