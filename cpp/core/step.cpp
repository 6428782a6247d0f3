// A step is split into runs of whole chunks, one a thread.
#include "step.h"

#include "dispatch.h"
#include "kernels/table.h"
#include "regions.h"

namespace softmargin {

namespace {

// A weight takes about as long as this many multiply-adds of a pass: 0.7 ns, 28 bytes read and written.
constexpr double kWorkPerWeight = 14;

}  // namespace

template <class T>
void step(const Rule& rule, const Penalty& penalty, T* w, const T* g, T* const* states, int64_t n, int64_t t,
          double lr) {
  double constants[kMaxConstants];
  rule.constants(t, lr, constants);
  const auto update = kernels_of<T>(kernels()).update[rule.index][penalty.index];
  const auto run = [&](int64_t begin, int64_t end) {
    const auto state = [&](int i) { return states[i] ? states[i] + begin : nullptr; };
    update(w + begin, g + begin, state(0), state(1), end - begin, constants, penalty.options);
  };
  const int threads = threads_for(0, kWorkPerWeight * static_cast<double>(n));
  if (threads == 1) return run(0, n);
  parallel(threads, [&](Team& team) {
    const Share own = share_of((n + kChunk - 1) / kChunk, team.rank(), team.size());
    run(minimum(own.begin * kChunk, n), minimum(own.end * kChunk, n));
  });
}

template void step(const Rule&, const Penalty&, float*, const float*, float* const*, int64_t, int64_t, double);
template void step(const Rule&, const Penalty&, double*, const double*, double* const*, int64_t, int64_t, double);

}  // namespace softmargin
