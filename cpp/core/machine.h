// The limits of this machine, to be timed by the caller: the kernels of kernels/machine.h on a team of threads.
#pragma once

#include "objective.h"

namespace softmargin {

// The sum of p [n].
double read_memory(const float* p, int64_t n, int num_threads);

// The number of operations done by `rounds` rounds on every thread, at the active level.
template <class T>
double peak_operations(int64_t rounds, int num_threads);

// Four arrays [n] read, three of them written.
void move_memory(float* w, const float* g, float* s0, float* s1, int64_t n, int num_threads);

// What `accumulate` would be if its bits were free: tiles go to whichever thread is ready, every thread has one dW in T
// to the end, and these are added up in the order in which they come. Dense layouts. For the benchmark, which measures
// what the same bits for any number of threads cost.
template <class T>
bool accumulate_freely(const Problem<T>& problem, const T* W, const T* b, Sums& sums, int num_threads);

}  // namespace softmargin
