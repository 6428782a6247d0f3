// A list of types, from which the registries and the tables of kernels are built.
#pragma once

namespace softmargin {
namespace {

template <class... Ts>
struct TypeList {
  static constexpr int size = static_cast<int>(sizeof...(Ts));

  // f.template operator()<T>(index) for each T in turn.
  template <class F>
  static constexpr void for_each(F&& f) {
    int index = 0;
    (f.template operator()<Ts>(index++), ...);
  }
};

}  // namespace
}  // namespace softmargin
