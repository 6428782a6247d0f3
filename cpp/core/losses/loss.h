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
};

// The targets of a tile: label [kTileRows] for class labels, else value [n_outputs][kTileRows].
template <class T>
struct TileTargets {
  const int64_t* label;
  const T* value;
  const T* positive_weight;  // [n_outputs], or null for ones
};

template <class T>
struct ValueAndDerivative {
  T value;
  T derivative;
};

inline constexpr double kNoBound = -1.0;

namespace {

// The driver of the losses "each output alone": Loss::at(s, t) gives the loss of one output and its derivative in s.
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
        const auto [value, derivative] = Loss::at(s[r], t[r], margin, delta);
        const T weight = t[r] == T(1) ? positive : T(1);
        loss[r] += weight * value;
        s[r] = weight * derivative;
      });
    }
  }
};

}  // namespace
}  // namespace softmargin
