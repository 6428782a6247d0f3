// The contract of a loss: what a header in this folder says of itself, and the tile that it turns into loss and dS.
//
// A tile is kTileRows rows: scores S [n_outputs][kTileRows], one row of X a lane, so that a loss is plain vertical
// arithmetic. A loss overwrites S with dS = d loss / d s and fills loss [kTileRows]; weights are applied by the caller.
#pragma once

#include "../math.h"
#include "../views.h"

namespace softmargin {

// classes: a label, or (softmax) a distribution over the outputs; signs: +1 or -1 for each output; real: a number for
// each.
enum class Target { classes, signs, real };

struct LossTraits {
  const char* name;
  Target target;
  bool convex;
  bool smooth;         // differentiable with a Lipschitz gradient
  bool distributions;  // takes a distribution over the classes as its target
  bool uses_margin;
  bool uses_delta;
  const char* formula;
  // Where the conjugate is finite, kNoBound for no limit. Classes: dS_j in [0, dual_each] for j != y, their sum at most
  // dual_total, dS_y minus that sum. Signs: -t dS in [0, dual_each]. Real: |dS| <= dual_each (times delta where the
  // loss uses it). Always holds 0.
  double dual_each;
  double dual_total;
};

inline constexpr double kNoBound = -1.0;

// The targets of a tile: label [kTileRows] for class labels, else value [n_outputs][kTileRows].
template <class T>
struct TileTargets {
  const int64_t* label;
  const T* value;
  const T* positive_weight;  // [n_outputs], or null for ones
};

// A loss of one output at a score: its value and its first and second derivative (0 for a loss that is not smooth).
template <class T>
struct Curve {
  T value;
  T derivative;
  T second;
};

// max over a in [low, high] of a (s - anchor): what a piecewise linear loss of one output is.
template <class T>
struct Ramp {
  T anchor;
  T low;
  T high;
};

// A loss that is not smooth is smoothed around dual variables `centre` [n_outputs][kTileRows] of an earlier iterate:
// the maximum over its dual variables a of a.s - loss*(a) - width / 2 |a - centre|^2 (for losses of classes the a_j, j
// != y).
template <class T>
struct Smoothing {
  const T* centre;
  T width;
};

namespace {

// The driver of the losses "each output alone". Loss::at(s, t) gives the loss of one output and its derivatives in s,
// Loss::conjugate_at(a, t) = max over s of a s - loss(s), and Loss::ramp(t), where the loss is not smooth, its pieces.
template <class Loss>
struct EachOutput {
  template <class T>
  static void tile(T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters, T* loss) {
    const T margin = T(parameters.margin), delta = T(parameters.delta);
    lanes([&](int r) { loss[r] = T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      const T* t = y.value + c * kTileRows;
      const T positive = y.positive_weight ? y.positive_weight[c] : T(1);
      lanes([&](int r) {
        const auto [value, derivative, second] = Loss::at(s[r], t[r], margin, delta);
        static_cast<void>(second);
        const T weight = t[r] == T(1) ? positive : T(1);
        loss[r] += weight * value;
        s[r] = weight * derivative;
      });
    }
  }

  // V *= the second derivative at S.
  template <class T>
  static void hessian(const T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters, T* V) {
    const T margin = T(parameters.margin), delta = T(parameters.delta);
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T *s = S + c * kTileRows, *t = y.value + c * kTileRows;
      T* v = V + c * kTileRows;
      const T positive = y.positive_weight ? y.positive_weight[c] : T(1);
      lanes([&](int r) {
        const T second = Loss::at(s[r], t[r], margin, delta).second;
        v[r] *= t[r] == T(1) ? positive * second : second;
      });
    }
  }

  // value [kTileRows] = the conjugate at A; (w loss)*(a) = w loss*(a / w).
  template <class T>
  static void conjugate(const T* A, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                        T* value) {
    const T margin = T(parameters.margin), delta = T(parameters.delta);
    lanes([&](int r) { value[r] = T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T *a = A + c * kTileRows, *t = y.value + c * kTileRows;
      const T positive = y.positive_weight ? y.positive_weight[c] : T(1);
      lanes([&](int r) {
        const T weight = t[r] == T(1) ? positive : T(1);
        const T scaled = weight > T(0) ? a[r] / weight : T(0);
        value[r] += weight * Loss::conjugate_at(scaled, t[r], margin, delta);
      });
    }
  }

  template <class T>
  static void smoothed(T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                       const Smoothing<T>& smoothing, T* loss) {
    const T margin = T(parameters.margin), delta = T(parameters.delta);
    lanes([&](int r) { loss[r] = T(0); });
    for (int64_t c = 0; c < n_outputs; ++c) {
      T* s = S + c * kTileRows;
      const T *t = y.value + c * kTileRows, *centre = smoothing.centre + c * kTileRows;
      const T positive = y.positive_weight ? y.positive_weight[c] : T(1);
      lanes([&](int r) {
        const auto [anchor, low, high] = Loss::ramp(t[r], margin, delta);
        const T weight = t[r] == T(1) ? positive : T(1);
        const T excess = s[r] - anchor;
        const T a = maximum(minimum(centre[r] + excess / smoothing.width, weight * high), weight * low);
        loss[r] += a * excess - T(0.5) * smoothing.width * (a - centre[r]) * (a - centre[r]);
        s[r] = a;
      });
    }
  }

  // V *= the derivative of the a of `smoothed` in S: 1 / width between the ends, 0 at them.
  template <class T>
  static void smoothed_hessian(const T* S, int64_t n_outputs, const TileTargets<T>& y, const LossParameters& parameters,
                               const Smoothing<T>& smoothing, T* V) {
    const T margin = T(parameters.margin), delta = T(parameters.delta);
    for (int64_t c = 0; c < n_outputs; ++c) {
      const T *s = S + c * kTileRows, *t = y.value + c * kTileRows, *centre = smoothing.centre + c * kTileRows;
      T* v = V + c * kTileRows;
      const T positive = y.positive_weight ? y.positive_weight[c] : T(1);
      lanes([&](int r) {
        const auto [anchor, low, high] = Loss::ramp(t[r], margin, delta);
        const T weight = t[r] == T(1) ? positive : T(1);
        const T a = centre[r] + (s[r] - anchor) / smoothing.width;
        v[r] *= a > weight * low && a < weight * high ? T(1) / smoothing.width : T(0);
      });
    }
  }
};

}  // namespace
}  // namespace softmargin
