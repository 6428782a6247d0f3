// One step of a rule on arrays of weights.
#pragma once

#include "registry.h"

namespace softmargin {

// w and states [n] in place from the gradient g [n]; t = 1, 2, ... counts the steps. Weight by weight, so that any
// number of threads gives the same bits.
template <class T>
void step(const Rule& rule, const Penalty& penalty, T* w, const T* g, T* const* states, int64_t n, int64_t t,
          double lr);

}  // namespace softmargin
