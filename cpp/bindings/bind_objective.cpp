// Loss, gradient and scores over a data set.
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
    const Packing packing = problem.packing();
    Buffer<T> packed(packed_size(packing));
    pack(packing, W_data, packed.data());
    Buffer<double> G(gradient ? packed_size(packing) : 0), db(k);
    Sums sums;
    sums.G = gradient ? G.data() : nullptr;
    sums.db = db.data();
    if (!accumulate(problem, {nullptr, 0, problem.X.n_samples}, packed.data(), b.data(), sums, num_threads,
                    signal_poll())) {
      check_finite<T>(problem.X, signal_poll());
      scores_overflow(object.is_float());
    }
    const double scale = 1 / object.total_weight();
    if (gradient) {
      for (double& g : G) g *= scale;
      unpack(packing, G.data(), grad_data);
    }
    loss =
        scale * sums.loss + problem.kernels().penalty_terms[penalty.index](W_data, k * d, penalty.options, grad_data);
    for (int64_t c = 0; c < k; ++c) {
      const double intercept = static_cast<double>(b[c]);
      loss += 0.5 * intercept_penalty * intercept * intercept;
      if (intercept_grad_data) intercept_grad_data[c] = static_cast<T>(scale * db[c] + intercept_penalty * intercept);
    }
  }
  return py::make_tuple(loss, grad, intercept_grad);
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
      "scores",
      [](const py::object& W, const py::object& b, const Matrix& X, int num_threads) {
        return py::isinstance<Array<float>>(W) ? scores<float>(X, W, b, num_threads)
                                               : scores<double>(X, W, b, num_threads);
      },
      py::arg("W"), py::arg("b"), py::arg("X"), py::arg("num_threads") = 0);
}

}  // namespace softmargin
