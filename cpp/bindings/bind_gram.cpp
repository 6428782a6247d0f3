// Gram matrices of the rows of X.
#include <algorithm>

#include "arrays.h"
#include "bindings.h"
#include "core/dense_gram.h"
#include "core/sparse_gram.h"

namespace softmargin {
namespace {

template <class T>
py::object gram_in(const Matrix& X, const double* weight, int num_threads) {
  const int64_t size = X.view.n_features + 1;
  py::array_t<T, py::array::f_style> G({size, size});
  T* data = G.mutable_data();
  {
    const py::gil_scoped_release released;
    std::fill_n(data, size * size, T(0));  // whoever scales all of G finds numbers in the upper triangle
    sparse_gram(X.view, weight, data, num_threads, signal_poll());
  }
  return G;
}

// sum_i weight_i z_i z_i', z_i = [x_i, 1]: the lower triangle, in Fortran order.
py::object gram_of_sparse(const Matrix& X, const py::object& weight, bool single, int num_threads) {
  require_csr(X);
  const Array<double> weights = checked<double>("weight", weight, {X.view.n_samples});
  return single ? gram_in<float>(X, weights.data(), num_threads) : gram_in<double>(X, weights.data(), num_threads);
}

// (n_weights, m, m), m = n_features + 1: sum_i weights_ip z_i z_i' over the rows `index`, or all, for each p,
// z_i = [(x_i - centre) scale, 1].
Array<double> gram_of_dense(const Matrix& X, const py::object& centre, const py::object& scale,
                            const py::object& weights, const py::object& index, int num_threads) {
  require_dense(X);
  const int64_t n = X.view.n_samples, d = X.view.n_features;
  Rows rows{nullptr, 0, n};
  Array<int64_t> order;
  if (!index.is_none()) {
    order = checked<int64_t>("index", index, {static_cast<int64_t>(py::len(index))});
    rows = {order.data(), 0, order.size()};
    for (int64_t i = 0; i < rows.count; ++i) {
      if (order.data()[i] < 0 || order.data()[i] >= n)
        throw ValueError("index: expected rows of X, got " + std::to_string(order.data()[i]));
    }
  }
  const auto shape = weights.attr("shape").cast<py::tuple>();
  const int64_t n_weights = shape.size() == 2 ? shape[1].cast<int64_t>() : 0;
  const Array<double> each = checked<double>("weights", weights, {rows.count, n_weights});
  const Array<double> shift = checked<double>("centre", centre, {d});
  Array<double> factor;
  if (!scale.is_none()) factor = checked<double>("scale", scale, {d});
  const double* factor_data = scale.is_none() ? nullptr : factor.data();
  Array<double> G({n_weights, d + 1, d + 1});
  double* data = G.mutable_data();
  {
    const py::gil_scoped_release released;
    dense_gram(X.view, rows, shift.data(), factor_data, each.data(), n_weights, data, num_threads, signal_poll());
  }
  return G;
}

}  // namespace

void bind_gram(py::module_& m) {
  m.def("sparse_gram", &gram_of_sparse, py::arg("X"), py::arg("weight"), py::kw_only(), py::arg("single") = false,
        py::arg("num_threads") = 0);
  m.def("dense_gram", &gram_of_dense, py::arg("X"), py::arg("centre"), py::arg("scale"), py::arg("weights"),
        py::arg("index") = py::none(), py::kw_only(), py::arg("num_threads") = 0);
}

}  // namespace softmargin
