// NumPy arrays as the plain views of the core, and the matrix and problem objects that keep them alive.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "core/buffer.h"
#include "core/dispatch.h"
#include "core/errors.h"
#include "core/objective.h"
#include "core/registry.h"

namespace softmargin {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style>;

// An array to write results to, whose elements are not initialised. One of a MB or more has its memory from where
// buffers have theirs, and gives it back there: the pages of fresh memory take 0.2 to 1 ms a MB, as long as a pass over
// text.
template <class T, class Shape = std::initializer_list<int64_t>>
Array<T> fresh(const Shape& lengths) {
  const py::array::ShapeContainer shape(lengths.begin(), lengths.end());
  int64_t size = 1;
  for (const int64_t length : lengths) size *= length;
  if (static_cast<std::size_t>(size) * sizeof(T) < kLeastKept) return Array<T>(shape);
  auto buffer = std::make_unique<Buffer<T>>(size);
  T* const data = buffer->data();
  const py::capsule owner(buffer.get(), [](void* memory) { delete static_cast<Buffer<T>*>(memory); });
  buffer.release();
  return Array<T>(shape, data, owner);
}

// X: a view and the arrays behind it.
struct Matrix {
  MatrixView view;
  double entries_per_row;
  py::tuple arrays;
};

// The array as contiguous T of the given shape, never converted: the Python layer has done that. ndim 0: anything.
template <class T>
Array<T> checked(const char* name, const py::object& object, std::initializer_list<int64_t> shape) {
  if (!py::isinstance<Array<T>>(object)) {
    throw TypeError(
        std::string(name) + ": expected a C-contiguous array of " + py::str(py::dtype::of<T>()).cast<std::string>() +
        ", got " + py::repr(py::type::of(object)).cast<std::string>() +
        (py::hasattr(object, "dtype") ? " of " + py::str(object.attr("dtype")).cast<std::string>() : std::string()));
  }
  Array<T> array = object.cast<Array<T>>();
  bool fits = array.ndim() == static_cast<py::ssize_t>(shape.size());
  py::ssize_t axis = 0;
  for (const int64_t length : shape) fits = fits && array.shape(axis++) == length;
  if (!fits) {
    std::string expected;
    for (const int64_t length : shape) expected += (expected.empty() ? "" : ", ") + std::to_string(length);
    throw ValueError(std::string(name) + ": expected shape (" + expected + "), got " +
                     py::repr(object.attr("shape")).cast<std::string>());
  }
  return array;
}

// Whether it is a NumPy array, no subclass, of numbers in this machine's byte order.
bool plain(const py::object& object);

// The data of an array that is plain, of T in C order and of this shape; null for all others.
template <class T, class Shape>
T* plain_data(const py::object& object, const Shape* shape, py::ssize_t n_axes) {
  if (!plain(object)) return nullptr;
  const auto array = py::reinterpret_borrow<py::array>(object);
  constexpr int wanted = int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_ALIGNED_};
  if (array.dtype().num() != py::dtype::num_of<T>() || (array.flags() & wanted) != wanted) return nullptr;
  if (array.ndim() != n_axes) return nullptr;
  for (py::ssize_t axis = 0; axis < n_axes; ++axis)
    if (array.shape(axis) != shape[axis]) return nullptr;
  return const_cast<T*>(static_cast<const T*>(array.data()));
}

template <class T>
T* plain_data(const py::object& object, std::initializer_list<int64_t> shape) {
  return plain_data<T>(object, shape.begin(), static_cast<py::ssize_t>(shape.size()));
}

// A view of a dense array (n_samples, n_features) with unit stride along the features.
MatrixView dense_view(const py::array& array);

// TypeErrors for the other kind of matrix.
void require_csr(const Matrix& X);
void require_dense(const Matrix& X);

// What a model is fitted to, with the arrays behind it. Values are kept in both types' views by the arrays of the
// dtype.
class ProblemObject {
 public:
  ProblemObject(std::shared_ptr<Matrix> X, const py::object& y, const std::string& loss, int64_t n_outputs,
                double margin, double delta, const py::object& sample_weight, const py::object& positive_weight,
                const std::string& dtype);

  template <class T>
  Problem<T> view() const;

  // Smooths a loss that is not smooth around centre (n_samples, n_outputs) of the dtype; None: no longer.
  void smooth(const py::object& centre, double width);

  bool is_float() const { return is_float_; }
  const Matrix& X() const { return *X_; }
  int loss() const { return loss_; }
  int64_t n_outputs() const { return n_outputs_; }
  double total_weight() const { return total_weight_; }

 private:
  std::shared_ptr<Matrix> X_;
  bool is_float_;
  int loss_;
  int64_t n_outputs_;
  LossParameters parameters_;
  py::object labels_, values_, sample_weight_, positive_weight_, centre_;  // arrays, or None
  double total_weight_;
  double width_ = 0;
};

// None, or (name, (options, ...)).
Penalty penalty_from(const py::object& penalty);
Rule rule_from(const std::string& optimizer, const py::tuple& options);

// Checks Python's signals; to be called without the GIL. Only Python's main thread has any to check.
Poll signal_poll();

}  // namespace softmargin
