// The update kernel: a rule with its penalty on a run of weights, and what training needs to know of them afterwards.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../optimizers/registry.h"
#include "../packed.h"
#include "../penalties/registry.h"

namespace softmargin {
namespace {

// Whether a penalty has an l1 part: its threshold is a member and not the constant 0.
template <class Weights>
inline constexpr bool kThresholds = std::is_member_object_pointer_v<decltype(&Weights::threshold)>;

template <class T>
inline T soft_threshold(T w, T amount) {
  return maximum(w - amount, T(0)) + minimum(w + amount, T(0));
}

// `n_states` of s0 and s1 are there. Arrays, rule and penalty are this function's own: seen through the closure of a
// lambda, GCC 12 reads their addresses anew for each weight and, for AVX-512, vectorises nothing (Adam, 30 720 weights:
// 138 us; 25 so).
template <int n_states, class T, class Step, class Weights>
bool update_with(T* w, const T* g, T* s0, T* s1, int64_t n, const Step rule, const Weights weights) {
  T probe = T(0);
#pragma omp simd reduction(+ : probe)
  for (int64_t i = 0; i < n; ++i) {
    T weight = w[i], unused0 = T(0), unused1 = T(0);
    const T h = rule.step(weight, g[i] + weights.gradient(weight), n_states > 0 ? s0[i] : unused0,
                          n_states > 1 ? s1[i] : unused1);
    if constexpr (kThresholds<Weights>) weight = soft_threshold(weight, T(weights.threshold) * h);
    probe += weight - weight;
    w[i] = weight;
  }
  return probe == T(0);
}

template <class T, class Step, class Weights>
bool update_run(T* w, const T* g, T* s0, T* s1, int64_t n, const Step& rule, const Weights& weights) {
  if (!s0) return update_with<0>(w, g, s0, s1, n, rule, weights);
  if (!s1) return update_with<1>(w, g, s0, s1, n, rule, weights);
  return update_with<2>(w, g, s0, s1, n, rule, weights);
}

// w, s0, s1 [n] in place from g [n]. States that the rule does not use are null. False if a weight left the finite
// numbers. The weights up to the first cache line go by themselves: allocators place large arrays alike, so that all
// vectors of all arrays then lie in a line each (Adam with AVX-512, 30 720 weights: 25 us, 11 so).
template <class T, class Rule, class Penalty>
bool update(T* w, const T* g, T* s0, T* s1, int64_t n, const double* constants, const double* penalty) {
  const typename Rule::template Step<T> rule(constants);
  const typename Penalty::template Weights<T> weights(penalty);
  const auto past = static_cast<int64_t>(reinterpret_cast<std::uintptr_t>(w) % 64);
  const int64_t head = minimum(n, (64 - past) % 64 / static_cast<int64_t>(sizeof(T)));
  const bool finite = update_run(w, g, s0, s1, head, rule, weights);
  return update_run(w + head, g + head, s0 ? s0 + head : s0, s1 ? s1 + head : s1, n - head, rule, weights) && finite;
}

// The sum of alpha R over w [n], in double; where `gradient` [n] is given, the subgradient is added to it.
template <class T, class Penalty>
double penalty_terms(const T* w, int64_t n, const double* penalty, T* gradient) {
  const typename Penalty::template Weights<double> exact(penalty);
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += exact.value(static_cast<double>(w[i]));
  if (gradient) {
    const typename Penalty::template Weights<T> weights(penalty);
    for (int64_t i = 0; i < n; ++i) gradient[i] += weights.subgradient(w[i]);
  }
  return total;
}

// total [n] += part [n]; part = 0: what at most kMaxSummedRows rows have added moves from W's type into double.
template <class T>
void flush(T* part, double* total, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    total[i] += static_cast<double>(part[i]);
    part[i] = T(0);
  }
}

// g = scale * (G - mean db') / deviation for the features: the gradient in standardised weights, from the raw sums G.
// mean and inverse_deviation [n_features] may be null. G (A: T of few rows, double of many) and g are packed from
// features.begin on.
template <class A, class T>
void finish_gradient(const Packing& packing, Features features, const A* G, double scale, const double* mean,
                     const double* inverse_deviation, const double* db, T* g) {
  if (!mean) {
    const int64_t n = packed_offset(packing, features.end) - packed_offset(packing, features.begin);
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) g[i] = static_cast<T>(static_cast<A>(scale) * G[i]);
    return;
  }
  const int64_t origin = packed_offset(packing, features.begin);
  for_packed(packing, features, [&](int64_t i, int64_t c, int64_t j) {
    g[i - origin] =
        static_cast<T>(scale * (static_cast<double>(G[i - origin]) - mean[j] * db[c]) * inverse_deviation[j]);
  });
}

// The weights that act on raw rows, effective = w / deviation, and shift [n_outputs] = sum_j effective_j mean_j.
template <class T>
void standardise_weights(const Packing& packing, Features features, const T* w, const double* mean,
                         const double* inverse_deviation, T* effective, double* shift) {
  const int64_t origin = packed_offset(packing, features.begin);
  for (int64_t c = 0; c < packing.n_outputs; ++c) shift[c] = 0;
  for_packed(packing, features, [&](int64_t i, int64_t c, int64_t j) {
    const T value = static_cast<T>(static_cast<double>(w[i - origin]) * inverse_deviation[j]);
    effective[i - origin] = value;
    shift[c] += static_cast<double>(value) * mean[j];
  });
}

}  // namespace
}  // namespace softmargin
