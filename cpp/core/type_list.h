// A list of types, from which the registries and the tables of kernels are built, and numbers as template arguments.
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

// f.template operator()<value>() for the one of least .. most that value is: a number of the run time becomes a
// constant.
template <int least, int most, class F>
[[gnu::always_inline]] inline void with_constant(int value, F&& f) {
  if constexpr (least == most) {
    f.template operator()<most>();
  } else if (value == least) {
    f.template operator()<least>();
  } else {
    with_constant<least + 1, most>(value, f);
  }
}

}  // namespace
}  // namespace softmargin
