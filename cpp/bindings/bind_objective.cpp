// Loss, gradient and scores over a data set.
#include <cmath>

#include "arrays.h"
#include "bindings.h"

namespace softmargin {
namespace {

[[noreturn]] void scores_overflow(bool is_float) {
  throw ValueError(std::string("W: expected weights whose scores are finite in ") + (is_float ? "float32" : "float64") +
                   ", got an overflow or a weight that is not finite");
}

template <class T>
Buffer<T> intercept_or_zeros(const py::object& b, int64_t k) {
  auto intercept = Buffer<T>::zeros(k);
  if (!b.is_none())
    std::memcpy(intercept.data(), checked<T>("intercept", b, {k}).data(), static_cast<std::size_t>(k) * sizeof(T));
  return intercept;
}

// F and its gradient at W (n_outputs, n_features), b (n_outputs,); grad and db may be null. False if a score is not
// finite. To be called without the GIL.
template <class T>
bool evaluate(const Problem<T>& problem, double total_weight, const T* W, const T* b, const Penalty& penalty,
              double intercept_penalty, double* loss, T* grad, T* intercept_grad, int num_threads) {
  const int64_t k = problem.n_outputs, d = problem.X.n_features;
  const Packing packing = problem.packing();
  Buffer<T> packed(packed_size(packing));
  pack(packing, W, packed.data());
  Buffer<double> G(grad ? packed_size(packing) : 0), db(k);
  Sums sums;
  sums.G = grad ? G.data() : nullptr;
  sums.db = db.data();
  if (!accumulate(problem, {nullptr, 0, problem.X.n_samples}, packed.data(), b, sums, num_threads, signal_poll())) {
    return false;
  }
  const double scale = 1 / total_weight;
  if (grad) {
    for (double& g : G) g *= scale;
    unpack(packing, G.data(), grad);
  }
  *loss = scale * sums.loss + problem.kernels().penalty_terms[penalty.index](W, k * d, penalty.options, grad);
  for (int64_t c = 0; c < k; ++c) {
    const double intercept = static_cast<double>(b[c]);
    *loss += 0.5 * intercept_penalty * intercept * intercept;
    if (intercept_grad) intercept_grad[c] = static_cast<T>(scale * db[c] + intercept_penalty * intercept);
  }
  return true;
}

template <class T>
py::tuple loss_and_grad(const ProblemObject& object, const py::object& W_object, const py::object& b_object,
                        const Penalty& penalty, double intercept_penalty, const py::object& out, bool gradient,
                        const py::object& scores, int num_threads) {
  Problem<T> problem = object.view<T>();
  const int64_t k = problem.n_outputs, d = problem.X.n_features;
  const Array<T> W = checked<T>("W", W_object, {k, d});
  const Buffer<T> b = intercept_or_zeros<T>(b_object, k);
  py::object grad = py::none(), intercept_grad = py::none();
  if (!scores.is_none()) problem.scores_out = checked<T>("scores", scores, {problem.X.n_samples, k}).mutable_data();
  T* grad_data = nullptr;
  T* intercept_grad_data = nullptr;
  if (gradient) {
    Array<T> array = out.is_none() ? Array<T>({k, d}) : checked<T>("out", out, {k, d});
    if (!array.writeable()) throw ValueError("out: expected a writeable array");
    grad_data = array.mutable_data();
    grad = array;
    if (!b_object.is_none()) {
      Array<T> db(k);
      intercept_grad_data = db.mutable_data();
      intercept_grad = db;
    }
  }
  const T* W_data = W.data();
  double loss;
  {
    const py::gil_scoped_release released;
    if (!evaluate(problem, object.total_weight(), W_data, b.data(), penalty, intercept_penalty, &loss, grad_data,
                  intercept_grad_data, num_threads)) {
      check_finite<T>(problem.X, signal_poll());
      scores_overflow(object.is_float());
    }
  }
  return py::make_tuple(loss, grad, intercept_grad);
}

// Whether dense_matrix takes X.
bool plain_matrix(const py::object& object) {
  if (!plain(object)) return false;
  const auto X = py::reinterpret_borrow<py::array>(object);
  const py::dtype dtype = X.dtype();
  const bool known = (dtype.kind() == 'f' && X.itemsize() <= 8) || (dtype.kind() == 'u' && X.itemsize() == 1);
  return known && X.ndim() == 2 && X.shape(0) > 0 && X.shape(1) > 0 && X.strides(1) == X.itemsize() &&
         X.strides(0) % X.itemsize() == 0 && (X.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
}

template <class T>
bool all_finite(const T* x, int64_t n) {
  T probe = T(0);
#pragma omp simd reduction(+ : probe)
  for (int64_t i = 0; i < n; ++i) probe += x[i] - x[i];
  return probe == T(0);
}

// loss_and_grad for arguments that need no conversion, with labels and without weights of samples: None for all others
// and for those that are wrong, which the way through Python names. A call on 64 x 64 takes a third of the time of
// that.
template <class T>
py::object plain_pass(const py::array& W_array, const std::shared_ptr<Matrix>& X, const py::object& y, int loss,
                      const py::object& b_object, const Penalty& penalty, const LossParameters& parameters,
                      const py::object& out, int num_threads) {
  const int64_t n = X->view.n_samples, d = X->view.n_features, k = W_array.shape(0);
  const T* W = plain_data<T>(W_array, {k, d});
  const auto* labels = plain_data<int64_t>(y, {n});
  const T* given = b_object.is_none() ? nullptr : plain_data<T>(b_object, {k});
  if (!W || !labels || (!given && !b_object.is_none()) || k < 2 || loss_traits(loss).target == Target::real)
    return py::none();
  for (int64_t i = 0; i < n; ++i)
    if (labels[i] < 0 || labels[i] >= k) return py::none();
  if (!all_finite(W, k * d) || (given && !all_finite(given, k))) return py::none();
  const Buffer<T> b = intercept_or_zeros<T>(b_object, k);
  Array<T> grad = out.is_none() ? Array<T>({k, d}) : py::reinterpret_borrow<Array<T>>(out);
  T* grad_data = out.is_none() ? grad.mutable_data() : plain_data<T>(out, {k, d});
  if (!grad_data || !grad.writeable() || (grad_data < W + k * d && W < grad_data + k * d)) return py::none();
  py::object intercept_grad = py::none();
  T* intercept_grad_data = nullptr;
  if (given) {
    Array<T> db(k);
    intercept_grad_data = db.mutable_data();
    intercept_grad = db;
  }
  const LossData<T> data{{labels, nullptr}, nullptr, nullptr, parameters};
  const Problem<T> problem{&kernels(), X->view, X->entries_per_row, loss, data, k};
  double value;
  bool finite;
  {
    const py::gil_scoped_release released;
    finite = evaluate(problem, static_cast<double>(n), W, b.data(), penalty, 0.0, &value, grad_data,
                      intercept_grad_data, num_threads);
  }
  if (!finite) return py::none();
  return py::make_tuple(value, grad, intercept_grad);
}

template <class T>
py::object scores(const Matrix& X, const py::object& W_object, const py::object& b_object, int num_threads) {
  const int64_t n = X.view.n_samples, d = X.view.n_features;
  const int64_t k =
      py::len(W_object.attr("shape")) == 2 ? W_object.attr("shape").cast<py::tuple>()[0].cast<int64_t>() : -1;
  const Array<T> W = checked<T>("W", W_object, {k, d});
  const Buffer<T> b = intercept_or_zeros<T>(b_object, k);
  Array<T> S({n, k});
  const Problem<T> problem{&kernels(), X.view, X.entries_per_row, 0, {}, k};
  T* S_data = S.mutable_data();
  const T* W_data = W.data();
  {
    const py::gil_scoped_release released;
    Buffer<T> packed(packed_size(problem.packing()));
    pack(problem.packing(), W_data, packed.data());
    if (!all_scores(problem, packed.data(), b.data(), S_data, num_threads, signal_poll())) {
      check_finite<T>(X.view, signal_poll());
      scores_overflow(same<T, float>);
    }
  }
  return S;
}

}  // namespace

void bind_objective(py::module_& m) {
  py::class_<ProblemObject>(m, "Problem")
      .def(py::init<std::shared_ptr<Matrix>, const py::object&, const std::string&, int64_t, double, double,
                    const py::object&, const py::object&, const std::string&>(),
           py::arg("X"), py::arg("y"), py::arg("loss"), py::arg("n_outputs"), py::kw_only(), py::arg("margin") = 1.0,
           py::arg("delta") = 1.0, py::arg("sample_weight") = py::none(), py::arg("positive_weight") = py::none(),
           py::arg("dtype") = "float32")
      .def(
          "loss_and_grad",
          [](const ProblemObject& problem, const py::object& W, const py::object& b, const py::object& penalty,
             double intercept_penalty, const py::object& out, bool gradient, const py::object& scores,
             int num_threads) {
            const Penalty chosen = penalty_from(penalty);
            return problem.is_float() ? loss_and_grad<float>(problem, W, b, chosen, intercept_penalty, out, gradient,
                                                             scores, num_threads)
                                      : loss_and_grad<double>(problem, W, b, chosen, intercept_penalty, out, gradient,
                                                              scores, num_threads);
          },
          py::arg("W"), py::arg("b"), py::kw_only(), py::arg("penalty") = py::none(),
          py::arg("intercept_penalty") = 0.0, py::arg("out") = py::none(), py::arg("gradient") = true,
          py::arg("scores") = py::none(), py::arg("num_threads") = 0)
      .def("smooth", &ProblemObject::smooth, py::arg("centre"), py::arg("width"));
  m.def(
      "plain_pass",
      [](const py::object& W, const py::object& X, const py::object& y, const std::string& loss, const py::object& b,
         const py::object& penalty, const py::object& margin, const py::object& delta, const py::object& out,
         int num_threads) -> py::object {
        if (!PyFloat_CheckExact(margin.ptr()) || !PyFloat_CheckExact(delta.ptr()) || !plain_matrix(X) || !plain(W))
          return py::none();
        const LossParameters parameters{margin.cast<double>(), delta.cast<double>()};
        const auto weights = py::reinterpret_borrow<py::array>(W);
        const bool valid = parameters.margin >= 0 && parameters.margin < HUGE_VAL && parameters.delta > 0 &&
                           parameters.delta < HUGE_VAL;
        if (!valid || weights.ndim() != 2) return py::none();
        const auto matrix = dense_matrix(py::reinterpret_borrow<py::array>(X));
        const Penalty chosen = penalty_from(penalty);
        const auto run = weights.itemsize() == 4 ? &plain_pass<float> : &plain_pass<double>;
        return run(weights, matrix, y, find_loss(loss), b, chosen, parameters, out, num_threads);
      },
      py::arg("W"), py::arg("X"), py::arg("y"), py::arg("loss"), py::arg("b"), py::arg("penalty"), py::arg("margin"),
      py::arg("delta"), py::arg("out"), py::arg("num_threads"));
  m.def(
      "scores",
      [](const py::object& W, const py::object& b, const Matrix& X, int num_threads) {
        return py::isinstance<Array<float>>(W) ? scores<float>(X, W, b, num_threads)
                                               : scores<double>(X, W, b, num_threads);
      },
      py::arg("W"), py::arg("b"), py::arg("X"), py::arg("num_threads") = 0);
}

}  // namespace softmargin
