// Softmax cross-entropy: -log softmax(s)_y, or -sum_j t_j log softmax(s)_j for a distribution t.
//
// By log-sum-exp: with m = max_j s_j and Z = sum_j exp(s_j - m), log softmax(s)_j = s_j - m - log Z, which is finite
// for every finite s. dS = softmax(s) - t. Source: Bishop, Pattern Recognition and Machine Learning, 4.3.4.
#pragma once

#include "loss.h"

namespace softmargin {
namespace {

struct Softmax {
  static constexpr LossTraits traits{"softmax", Target::classes,
                                     true,      true,
                                     true,      false,
                                     false,     "-log softmax(s)_y, or -sum_j t_j log softmax(s)_j",
                                     kNoBound,  1.0};

  // diag(p) - p p' has no eigenvalue above 1/2 (Bohning 1992).
  static constexpr double curvature(int64_t) { return 0.5; }

  template <class T>
  static void tile(T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters&, T* loss) {
    alignas(64) T top[kTileRows], sum[kTileRows], linear[kTileRows], mass[kTileRows];
    lanes([&](int r) { top[r] = S[r]; });
    for (int64_t c = 1; c < n_outputs; ++c) {
      const T* s = S + c * kTileRows;
      lanes([&](int r) { top[r] = maximum(top[r], s[r]); });
    }
    lanes([&](int r) { sum[r] = linear[r] = mass[r] = T(0); });
    if (y.label) {
      for (int r = 0; r < kTileRows; ++r) linear[r] = top[r] - S[y.label[r] * kTileRows + r], mass[r] = T(1);
    } else {
      for (int64_t c = 0; c < n_outputs; ++c) {
        const T* s = S + c * kTileRows;
        const T* t = y.value + c * kTileRows;
        lanes([&](int r) { linear[r] += t[r] * (top[r] - s[r]), mass[r] += t[r]; });
      }
    }
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      lanes([&](int r) { s[r] = exp_of_negative(s[r] - top[r]), sum[r] += s[r]; });
    }
    lanes([&](int r) { loss[r] = linear[r] + mass[r] * log(sum[r]); });
    lanes([&](int r) { sum[r] = mass[r] / sum[r]; });
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      lanes([&](int r) { s[r] *= sum[r]; });
      if (!y.label) {
        const T* t = y.value + c * kTileRows;
        lanes([&](int r) { s[r] -= t[r]; });
      }
    }
    if (y.label) {
      for (int r = 0; r < kTileRows; ++r) S[y.label[r] * kTileRows + r] -= T(1);
    }
  }

  // S = softmax(s), which `hessian` reads.
  template <class T>
  static void prepare(T* S, int64_t n_outputs) {
    alignas(64) T top[kTileRows], sum[kTileRows];
    lanes([&](int r) { top[r] = S[r], sum[r] = T(0); });
    for (int64_t c = 1; c < n_outputs; ++c) lanes([&](int r) { top[r] = maximum(top[r], S[c * kTileRows + r]); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      lanes([&](int r) { s[r] = exp_of_negative(s[r] - top[r]), sum[r] += s[r]; });
    }
    lanes([&](int r) { sum[r] = T(1) / sum[r]; });
    for (int64_t c = 0; c < n_outputs; ++c) lanes([&](int r) { S[c * kTileRows + r] *= sum[r]; });
  }

  // V = (diag(p) - p p') V with p = softmax(s), times the mass of the target.
  template <class T>
  static void hessian(const T* P, int64_t n_outputs, const TileTargets<T>& y, const LossParameters&, T* V) {
    alignas(64) T mean[kTileRows], mass[kTileRows];
    lanes([&](int r) { mean[r] = T(0), mass[r] = y.label ? T(1) : T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T *p = P + c * kTileRows, *v = V + c * kTileRows;
      lanes([&](int r) { mean[r] += p[r] * v[r]; });
      if (!y.label) lanes([&](int r) { mass[r] += y.value[c * kTileRows + r]; });
    }
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T* p = P + c * kTileRows;
      T* v = V + c * kTileRows;
      lanes([&](int r) { v[r] = mass[r] * p[r] * (v[r] - mean[r]); });
    }
  }

  // sum_j p_j log p_j - m log m with p = a + t, of the mass m of t: 1 but for the rounding of a distribution.
  template <class T>
  static void conjugate(const T* A, int64_t n_outputs, const TileTargets<T>& y, const LossParameters&, T* value) {
    alignas(64) T mass[kTileRows];
    lanes([&](int r) { value[r] = mass[r] = T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T* a = A + c * kTileRows;
      lanes([&](int r) {
        const T target = y.label ? (y.label[r] == c ? T(1) : T(0)) : y.value[c * kTileRows + r];
        value[r] += negative_entropy(maximum(a[r] + target, T(0)));
        mass[r] += target;
      });
    }
    lanes([&](int r) { value[r] -= negative_entropy(mass[r]); });
  }
};

}  // namespace
}  // namespace softmargin
