// Dual coordinate ascent on sparse rows, and what it needs of them.
#include "core/coordinates.h"

#include <limits>

#include "arrays.h"
#include "bindings.h"
#include "core/buffer.h"
#include "core/own_features.h"
#include "core/sparse_gram.h"

namespace softmargin {
namespace {

// The data of an array that is written to.
template <class T>
T* writeable(const char* name, const py::object& object, std::initializer_list<int64_t> shape) {
  Array<T> array = checked<T>(name, object, shape);
  if (!array.writeable()) throw ValueError(std::string(name) + ": expected a writeable array");
  return array.mutable_data();
}

// (values, gaps), (n_outputs,) each; A, W, b, rest and streak are updated in place.
py::tuple ascend_epoch(const ProblemObject& object, const py::object& A, const py::object& W, const py::object& b,
                       const py::object& rest, const py::object& streak, const py::object& squares, double l2,
                       double pull, const py::object& feature_scale, std::uint64_t seed, std::uint64_t epoch,
                       int num_threads) {
  require_csr(object.X());
  if (object.is_float()) throw TypeError("problem: expected float64, got float32");
  if (!(l2 > 0) || !(pull > 0)) throw ValueError("l2, pull: expected numbers above 0");
  const Problem<double> problem = object.view<double>();
  const int64_t n = problem.X.n_samples, d = problem.X.n_features, k = problem.n_outputs;
  Array<double> scale;
  if (!feature_scale.is_none()) scale = checked<double>("feature_scale", feature_scale, {d});
  Array<double> values(k), gaps(k);
  double* values_data = values.mutable_data();
  double* gaps_data = gaps.mutable_data();
  const Coordinates coordinates{&problem.X,
                                object.loss(),
                                &problem.data,
                                k,
                                object.total_weight(),
                                l2,
                                pull,
                                feature_scale.is_none() ? nullptr : scale.data(),
                                checked<double>("squares", squares, {n}).data(),
                                writeable<double>("A", A, {k, n}),
                                writeable<double>("W", W, {k, d}),
                                writeable<double>("b", b, {k}),
                                writeable<std::uint8_t>("rest", rest, {k, n}),
                                writeable<std::uint8_t>("streak", streak, {k, n})};
  {
    const py::gil_scoped_release released;
    ascend(coordinates, seed, epoch, values_data, gaps_data, num_threads, signal_poll());
  }
  return py::make_tuple(values, gaps);
}

// ||x_i||^2 (n_samples,) of rows whose features are multiplied by the roots of feature_scale.
Array<double> squares(const Matrix& X, const py::object& feature_scale, int num_threads) {
  require_csr(X);
  Array<double> scale, result(X.view.n_samples);
  if (!feature_scale.is_none()) scale = checked<double>("feature_scale", feature_scale, {X.view.n_features});
  const double* scale_data = feature_scale.is_none() ? nullptr : scale.data();
  double* data = result.mutable_data();
  const py::gil_scoped_release released;
  row_squares(X.view, scale_data, data, num_threads, signal_poll());
  return result;
}

// (values, indices, indptr, column, factor, n_columns, n_shared) of X whose features of one entry are merged, row by
// row; None where these hold less than the share `least` of the entries, or X has numbers that do not go well together.
py::object merge_features(const Matrix& X, const py::object& feature_scale, double least) {
  require_csr(X);
  const int64_t n = X.view.n_samples, d = X.view.n_features, most = X.arrays[0].cast<py::array>().size();
  Array<double> scale;
  if (!feature_scale.is_none()) scale = checked<double>("feature_scale", feature_scale, {d});
  const double* scale_data = feature_scale.is_none() ? nullptr : scale.data();
  const double fewest = maximum(least * static_cast<double>(most), 1.0);
  if (static_cast<double>(d) < fewest || d > std::numeric_limits<std::int32_t>::max()) return py::none();
  Buffer<std::int32_t> place(d);
  {
    const py::gil_scoped_release released;
    if (static_cast<double>(place_features(X.view, place.data(), signal_poll())) < fewest) return py::none();
  }
  Array<double> values = fresh<double>({most}), factor = fresh<double>({d});
  Array<std::int32_t> indices = fresh<std::int32_t>({most});
  Array<int64_t> indptr(n + 1), column = fresh<int64_t>({d});
  const MergedFeatures merged{values.mutable_data(), indices.mutable_data(), indptr.mutable_data(),
                              column.mutable_data(), factor.mutable_data()};
  Columns columns{};
  {
    const py::gil_scoped_release released;
    columns = merge_own_features(X.view, place.data(), scale_data, merged, signal_poll());
  }
  if (columns.all == 0) return py::none();
  const auto used = py::slice(0, indptr.data()[n], 1);
  return py::make_tuple(values[used], indices[used], indptr, column, factor, columns.all, columns.shared);
}

}  // namespace

void bind_coordinates(py::module_& m) {
  m.def("ascend", &ascend_epoch, py::arg("problem"), py::arg("A"), py::arg("W"), py::arg("b"), py::arg("rest"),
        py::arg("streak"), py::arg("squares"), py::kw_only(), py::arg("l2"), py::arg("pull"),
        py::arg("feature_scale") = py::none(), py::arg("seed") = 0, py::arg("epoch") = 0, py::arg("num_threads") = 0);
  m.def("merge_own_features", &merge_features, py::arg("X"), py::arg("feature_scale") = py::none(), py::kw_only(),
        py::arg("least") = 0.0);
  m.def("row_squares", &squares, py::arg("X"), py::arg("feature_scale") = py::none(), py::kw_only(),
        py::arg("num_threads") = 0);
}

}  // namespace softmargin
