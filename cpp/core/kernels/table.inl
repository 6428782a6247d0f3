// The one symbol of an instruction set: its table, filled from the registries when it is compiled.
#include "table.h"

namespace softmargin {
namespace {

template <class T>
consteval Kernels<T> make_kernels() {
  Kernels<T> k{};
  Layouts::for_each([&]<class Layout>(int i) {
    k.layout[i].width = Layout::width;
    k.layout[i].element_bytes = Layout::element_bytes;
    k.layout[i].scores = &Layout::template scores<T>;
    if constexpr (Layout::width == 1) {
      k.layout[i].gradient = &Layout::template gradient<T, T>;
      k.layout[i].gradient_wide = &Layout::template gradient<double, T>;
    } else {
      k.layout[i].gradient = &Layout::template gradient<T>;
    }
  });
  Losses::for_each([&]<class Loss>(int i) {
    k.loss[i] = &loss_tiles<T, Loss>;
    k.hessian[i] = &hessian_tile<T, Loss>;
    k.conjugate[i] = &conjugate_tile<T, Loss>;
  });
  Optimizers::for_each([&]<class Rule>(int i) {
    Penalties::for_each([&]<class Penalty>(int j) { k.update[i][j] = &update<T, Rule, Penalty>; });
    k.update[i][kPenalties] = &update<T, Rule, NoPenalty>;
  });
  Penalties::for_each([&]<class Penalty>(int j) { k.penalty_terms[j] = &penalty_terms<T, Penalty>; });
  k.penalty_terms[kPenalties] = &penalty_terms<T, NoPenalty>;
  k.flush = &flush<T>;
  k.finish_gradient = &finish_gradient<double, T>;
  k.finish_narrow_gradient = &finish_gradient<T, T>;
  k.standardise_weights = &standardise_weights<T>;
  k.apply = &apply<T>;
  k.read = &read<T>;
  k.multiply_adds = &multiply_adds<T>;
  k.move_state = &move_state<T>;
  return k;
}

consteval KernelTable make_table() {
  KernelTable table{make_kernels<float>(), make_kernels<double>(), {}, &add_gram, &multiply_rows, &combine_rows};
  Layouts::for_each([&]<class Layout>(int i) { table.moments[i] = &add_moments<Layout>; });
  return table;
}

}  // namespace

extern constinit const KernelTable SOFTMARGIN_TABLE = make_table();

}  // namespace softmargin
