// What a loss says of scores and dual variables that are known already, and X' times dual variables.
#include "core/rowwise.h"

#include "arrays.h"
#include "bindings.h"

namespace softmargin {
namespace {

// f(problem) in the dtype of the problem.
template <class F>
auto in_dtype(const ProblemObject& object, F&& f) {
  return object.is_float() ? f(object.view<float>()) : f(object.view<double>());
}

template <class T>
Array<T> rows(const char* name, const Problem<T>& problem, const py::object& array) {
  return checked<T>(name, array, {problem.X.n_samples, problem.n_outputs});
}

// (G (n_outputs, n_features), db (n_outputs)): the weighted means of a_i x_i and a_i.
py::tuple combine(const ProblemObject& object, const py::object& A, int num_threads) {
  return in_dtype(object, [&]<class T>(Problem<T> problem) -> py::tuple {
    const int64_t k = problem.n_outputs;
    const Array<T> derivatives = rows("A", problem, A);
    problem.derivatives = derivatives.data();
    Array<T> grad = fresh<T>({k, problem.X.n_features});
    Array<double> intercept_grad(k);
    T* grad_data = grad.mutable_data();
    double* db = intercept_grad.mutable_data();
    {
      const py::gil_scoped_release released;
      const Packing packing = problem.packing();
      Buffer<double> G(packed_size(packing));
      Sums sums;
      sums.G = G.data();
      sums.db = db;
      accumulate<T>(problem, {nullptr, 0, problem.X.n_samples}, nullptr, nullptr, sums, num_threads, signal_poll());
      const double scale = 1 / object.total_weight();
      for (double& g : G) g *= scale;
      unpack(packing, G.data(), grad_data);
      for (int64_t c = 0; c < k; ++c) db[c] *= scale;
    }
    return py::make_tuple(grad, intercept_grad);
  });
}

// The scores (n_samples, n_outputs) of the weights that combine(A) makes, each feature's times feature_scale.
py::object products(const ProblemObject& object, const py::object& A, const py::object& feature_scale,
                    int num_threads) {
  return in_dtype(object, [&]<class T>(Problem<T> problem) -> py::object {
    const Array<T> derivatives = rows("A", problem, A);
    problem.derivatives = derivatives.data();
    Array<double> scale;
    if (!feature_scale.is_none()) scale = checked<double>("feature_scale", feature_scale, {problem.X.n_features});
    const double* scale_data = feature_scale.is_none() ? nullptr : scale.data();
    Array<T> S = fresh<T>({problem.X.n_samples, problem.n_outputs});
    T* S_data = S.mutable_data();
    {
      const py::gil_scoped_release released;
      row_products(problem, 1 / object.total_weight(), scale_data, S_data, num_threads, signal_poll());
    }
    return S;
  });
}

// (mean loss at S + shift, dS (n_samples, n_outputs) not weighted or None, its weighted mean (n_outputs)).
py::tuple losses(const ProblemObject& object, const py::object& S, const py::object& shift, bool derivatives,
                 int num_threads) {
  return in_dtype(object, [&]<class T>(const Problem<T>& problem) -> py::tuple {
    const int64_t k = problem.n_outputs;
    const Array<T> scores = rows("S", problem, S), intercept = checked<T>("shift", shift, {k});
    py::object A = py::none();
    T* A_data = nullptr;
    if (derivatives) {
      Array<T> array = fresh<T>({problem.X.n_samples, k});
      A_data = array.mutable_data();
      A = array;
    }
    Array<double> db(k);
    double* db_data = db.mutable_data();
    const T *S_data = scores.data(), *shift_data = intercept.data();
    double value;
    {
      const py::gil_scoped_release released;
      value = row_losses(problem, S_data, shift_data, A_data, db_data, num_threads, signal_poll());
      for (int64_t c = 0; c < k; ++c) db_data[c] /= object.total_weight();
    }
    return py::make_tuple(value / object.total_weight(), A, db);
  });
}

template <class T>
void require_curvature(const Problem<T>& problem) {
  if (!loss_traits(problem.loss).smooth && !problem.data.centre) throw ValueError("loss: expected one that is smooth");
}

// V = the Hessian of each row's loss at S + shift times V; returns the weighted mean of V (n_outputs).
Array<double> hessians(const ProblemObject& object, const py::object& S, const py::object& shift, const py::object& V,
                       int num_threads) {
  return in_dtype(object, [&]<class T>(const Problem<T>& problem) {
    const int64_t k = problem.n_outputs;
    require_curvature(problem);
    const Array<T> scores = rows("S", problem, S), intercept = checked<T>("shift", shift, {k});
    Array<T> direction = rows("V", problem, V);
    Array<double> mean(k);
    double* mean_data = mean.mutable_data();
    const T *S_data = scores.data(), *shift_data = intercept.data();
    T* V_data = direction.mutable_data();
    {
      const py::gil_scoped_release released;
      row_hessians(problem, S_data, shift_data, V_data, mean_data, num_threads, signal_poll());
      for (int64_t c = 0; c < k; ++c) mean_data[c] /= object.total_weight();
    }
    return mean;
  });
}

// (the diagonal of the Hessian of each row's loss at S (n_samples, n_outputs) or, with `pairs` and a loss of classes,
// its upper triangle (n_samples, n_outputs (n_outputs + 1) / 2), the weighted mean of those Hessians (n_outputs,
// n_outputs) or None).
py::tuple curvatures(const ProblemObject& object, const py::object& S, bool mean, bool pairs, int num_threads) {
  return in_dtype(object, [&]<class T>(const Problem<T>& problem) -> py::tuple {
    const int64_t k = problem.n_outputs;
    require_curvature(problem);
    const Array<T> scores = rows("S", problem, S);
    Array<T> each({problem.X.n_samples, curvatures_of_row(problem, pairs)});
    Array<double> hessian(mean ? std::vector<py::ssize_t>{k, k} : std::vector<py::ssize_t>{0, 0});
    const T* S_data = scores.data();
    T* each_data = each.mutable_data();
    double* hessian_data = mean ? hessian.mutable_data() : nullptr;
    {
      const py::gil_scoped_release released;
      row_curvatures(problem, S_data, pairs, each_data, hessian_data, num_threads, signal_poll());
      for (int64_t i = 0; mean && i < k * k; ++i) hessian_data[i] /= object.total_weight();
    }
    return py::make_tuple(each, mean ? py::object(hessian) : py::none());
  });
}

double conjugates(const ProblemObject& object, const py::object& A, int num_threads) {
  return in_dtype(object, [&]<class T>(const Problem<T>& problem) {
    const Array<T> dual = rows("A", problem, A);
    const T* data = dual.data();
    const py::gil_scoped_release released;
    return row_conjugates(problem, data, num_threads, signal_poll()) / object.total_weight();
  });
}

}  // namespace

void bind_rowwise(py::module_& m) {
  m.def("combine", &combine, py::arg("problem"), py::arg("A"), py::kw_only(), py::arg("num_threads") = 0);
  m.def("row_products", &products, py::arg("problem"), py::arg("A"), py::arg("feature_scale") = py::none(),
        py::kw_only(), py::arg("num_threads") = 0);
  m.def("row_losses", &losses, py::arg("problem"), py::arg("S"), py::arg("shift"), py::kw_only(),
        py::arg("derivatives") = true, py::arg("num_threads") = 0);
  m.def("row_hessians", &hessians, py::arg("problem"), py::arg("S"), py::arg("shift"), py::arg("V"), py::kw_only(),
        py::arg("num_threads") = 0);
  m.def("row_curvatures", &curvatures, py::arg("problem"), py::arg("S"), py::kw_only(), py::arg("mean") = false,
        py::arg("pairs") = false, py::arg("num_threads") = 0);
  m.def("row_conjugates", &conjugates, py::arg("problem"), py::arg("A"), py::kw_only(), py::arg("num_threads") = 0);
}

}  // namespace softmargin
