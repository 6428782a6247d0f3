// X: dense and CSR matrices over NumPy arrays, without a copy; the moments of their features.
#include <pybind11/stl.h>

#include "arrays.h"
#include "bindings.h"
#include "core/csr_check.h"
#include "core/layouts/registry.h"
#include "core/moments.h"

namespace softmargin {
namespace {

template <class Wanted>
int layout_index() {
  int found = -1;
  Layouts::for_each([&]<class Layout>(int i) {
    if constexpr (same<Layout, Wanted>) found = i;
  });
  return found;
}

struct ElementType {
  int layout;
  int64_t size;
};

ElementType dense_element(const py::dtype& dtype) {
  const char kind = dtype.kind();
  const auto size = static_cast<int64_t>(dtype.itemsize());
  const bool native = dtype.byteorder() == '=';
  if (native && kind == 'f' && size == 4) return {layout_index<Dense<float>>(), 4};
  if (native && kind == 'f' && size == 8) return {layout_index<Dense<double>>(), 8};
  if (native && kind == 'f' && size == 2) return {layout_index<Dense<Half>>(), 2};
  if (kind == 'u' && size == 1) return {layout_index<Dense<std::uint8_t>>(), 1};
  throw TypeError("X: expected float32, float64, float16 or uint8, got " + py::str(dtype).cast<std::string>());
}

void check_shape(const MatrixView& view) {
  if (view.n_samples < 1 || view.n_features < 1) {
    throw ValueError("X: expected at least one row and one column, got shape (" + std::to_string(view.n_samples) +
                     ", " + std::to_string(view.n_features) + ")");
  }
}

}  // namespace

MatrixView dense_view(const py::array& array) {
  if (array.ndim() != 2) throw ValueError("X: expected 2 dimensions, got " + std::to_string(array.ndim()));
  const ElementType element = dense_element(array.dtype());
  MatrixView view;
  view.layout = element.layout;
  view.n_samples = array.shape(0);
  view.n_features = array.shape(1);
  view.data = array.data();
  view.row_stride = array.strides(0);
  check_shape(view);
  if (array.shape(1) > 1 && array.strides(1) != element.size) {
    throw ValueError("X: expected rows without gaps, got a stride of " + std::to_string(array.strides(1)) +
                     " bytes between features");
  }
  if (reinterpret_cast<std::uintptr_t>(array.data()) % static_cast<std::uintptr_t>(element.size) != 0 ||
      array.strides(0) % element.size != 0) {
    throw ValueError("X: expected aligned elements");
  }
  return view;
}

namespace {

std::shared_ptr<Matrix> dense_matrix(const py::array& array) {
  const MatrixView view = dense_view(array);
  return std::make_shared<Matrix>(Matrix{view, static_cast<double>(view.n_features), py::make_tuple(array)});
}

template <class V, class I>
bool set_layout(const py::array& data, const py::array& indices, MatrixView& view) {
  if (!py::isinstance<Array<V>>(data) || !py::isinstance<Array<I>>(indices)) return false;
  view.layout = layout_index<Csr<V, I>>();
  return true;
}

std::shared_ptr<Matrix> csr_matrix(const py::array& data, const py::array& indices, const py::array& indptr,
                                   int64_t n_features) {
  Matrix matrix{{}, 0, py::make_tuple(data, indices, indptr)};
  MatrixView& view = matrix.view;
  using std::int32_t;
  const bool known =
      set_layout<float, int32_t>(data, indices, view) || set_layout<float, int64_t>(data, indices, view) ||
      set_layout<double, int32_t>(data, indices, view) || set_layout<double, int64_t>(data, indices, view);
  if (!known) {
    throw TypeError("X: expected contiguous float32 or float64 data with int32 or int64 indices, got " +
                    py::str(data.dtype()).cast<std::string>() + " and " + py::str(indices.dtype()).cast<std::string>());
  }
  if (data.ndim() != 1 || indices.ndim() != 1 || data.shape(0) != indices.shape(0)) {
    throw ValueError("X.indices: expected as many as X.data has entries, got " + std::to_string(indices.size()) +
                     " for " + std::to_string(data.size()));
  }
  if (indptr.ndim() != 1 || indptr.shape(0) < 1) throw ValueError("X.indptr: expected n_samples + 1 entries, got none");
  if (py::isinstance<Array<int32_t>>(indptr)) {
    view.indptr32 = static_cast<const int32_t*>(indptr.data());
  } else if (py::isinstance<Array<int64_t>>(indptr)) {
    view.indptr64 = static_cast<const int64_t*>(indptr.data());
  } else {
    throw TypeError("X.indptr: expected contiguous int32 or int64, got " + py::str(indptr.dtype()).cast<std::string>());
  }
  view.n_samples = indptr.shape(0) - 1;
  view.n_features = n_features;
  view.data = data.data();
  view.indices = indices.data();
  check_shape(view);
  const int64_t n_entries = data.shape(0);
  {
    const py::gil_scoped_release released;
    check_csr(view, n_entries, signal_poll());
  }
  matrix.entries_per_row = static_cast<double>(n_entries) / static_cast<double>(view.n_samples);
  return std::make_shared<Matrix>(std::move(matrix));
}

py::tuple feature_moments(const Matrix& X, const py::object& sample_weight, int num_threads) {
  const int64_t d = X.view.n_features;
  Array<double> mean(d), variance(d), smallest(d), largest(d);
  Array<double> weights;
  const double* w = nullptr;
  if (!sample_weight.is_none()) {
    weights = checked<double>("sample_weight", sample_weight, {X.view.n_samples});
    w = weights.data();
  }
  const MomentsResult result{mean.mutable_data(), variance.mutable_data(), smallest.mutable_data(),
                             largest.mutable_data()};
  {
    const py::gil_scoped_release released;
    moments(X.view, w, result, num_threads, signal_poll());
  }
  return py::make_tuple(mean, variance, smallest, largest);
}

}  // namespace

void bind_matrix(py::module_& m) {
  py::class_<Matrix, std::shared_ptr<Matrix>>(m, "Matrix")
      .def_property_readonly("n_samples", [](const Matrix& X) { return X.view.n_samples; })
      .def_property_readonly("n_features", [](const Matrix& X) { return X.view.n_features; })
      .def_property_readonly("arrays", [](const Matrix& X) { return X.arrays; });
  m.def("DenseMatrix", &dense_matrix, py::arg("array").noconvert());
  m.def("CsrMatrix", &csr_matrix, py::arg("data").noconvert(), py::arg("indices").noconvert(),
        py::arg("indptr").noconvert(), py::arg("n_features"));
  m.def("empty", &fresh<double, std::vector<int64_t>>, py::arg("shape"));
  m.def("moments", &feature_moments, py::arg("X"), py::arg("sample_weight"), py::arg("num_threads") = 0);
}

}  // namespace softmargin
