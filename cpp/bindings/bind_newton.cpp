// Newton's method of outputs that are apart, with LAPACK as scipy has it.
#include "core/newton.h"

#include <cmath>

#include "arrays.h"
#include "bindings.h"

namespace softmargin {
namespace {

// scipy's dposv, which other compiled code may call without the GIL: scipy.linalg.cython_lapack is there for that.
SolvePositive lapack_solve() {
  const py::object functions = py::module_::import("scipy.linalg.cython_lapack").attr("__pyx_capi__");
  const auto dposv = functions["dposv"].cast<py::capsule>();
  return reinterpret_cast<SolvePositive>(dposv.get_pointer<void>());
}

class NewtonObject {
 public:
  // W (n_outputs, n_features + 1), the intercept last.
  NewtonObject(const py::object& problem, const py::object& W, const py::object& centre, const py::object& scale,
               Newton::Options options)
      : owner_(problem),
        problem_(problem.cast<const ProblemObject&>()),
        newton_(make(problem_, centre, scale, options)) {
    const Array<double> start = checked<double>("W", W, {newton_.n_outputs(), newton_.n_unknowns()});
    const Problem<double> view = problem_.view<double>();
    const py::gil_scoped_release released;
    newton_.begin(view.data, start.data());
  }

  int64_t step(double enough, int num_threads) {
    const Problem<double> view = problem_.view<double>();
    const py::gil_scoped_release released;
    return newton_.step(view.data, enough, num_threads, signal_poll());
  }

  // (n_outputs, n_features + 1), a copy.
  Array<double> weights() const {
    const int64_t k = newton_.n_outputs(), m = newton_.n_unknowns();
    Array<double> W({k, m});
    for (int64_t c = 0; c < k; ++c) std::copy_n(newton_.weights(c), m, W.mutable_data(c, 0));
    return W;
  }

  double F() const { return total(&Newton::objective); }
  double gap() const { return total(&Newton::gap); }
  double gradient_norm() const { return std::sqrt(total(&Newton::gradient_square)); }

 private:
  static Newton make(const ProblemObject& problem, const py::object& centre, const py::object& scale,
                     Newton::Options options) {
    require_dense(problem.X());
    if (problem.is_float()) throw TypeError("problem: expected float64, got float32");
    if (!(options.l2 > 0)) throw ValueError("l2: expected a number above 0");
    if (options.levels < 0 || !(options.weaker > 0))
      throw ValueError("levels, weaker: expected at least 0, and above 0");
    const MatrixView& X = problem.X().view;
    const Array<double> shift = checked<double>("centre", centre, {X.n_features});
    Array<double> factor;
    if (!scale.is_none()) factor = checked<double>("scale", scale, {X.n_features});
    options.loss = problem.loss(), options.n_outputs = problem.n_outputs();
    options.total_weight = problem.total_weight(), options.solve = lapack_solve();
    return Newton(X, shift.data(), scale.is_none() ? nullptr : factor.data(), options);
  }

  double total(double (Newton::*of)(int64_t) const) const {
    double sum = 0;
    for (int64_t c = 0; c < newton_.n_outputs(); ++c) sum += (newton_.*of)(c);
    return sum;
  }

  py::object owner_;  // keeps the problem alive
  const ProblemObject& problem_;
  Newton newton_;
};

}  // namespace

void bind_newton(py::module_& m) {
  py::class_<NewtonObject>(m, "Newton")
      .def(py::init([](const py::object& problem, const py::object& W, const py::object& centre,
                       const py::object& scale, double l2, double intercept_penalty, bool fit_intercept, int levels,
                       double weaker, double settled) {
             const Newton::Options options{.l2 = l2,
                                           .intercept_penalty = intercept_penalty,
                                           .fit_intercept = fit_intercept,
                                           .levels = levels,
                                           .weaker = weaker,
                                           .settled = settled};
             return std::make_unique<NewtonObject>(problem, W, centre, scale, options);
           }),
           py::arg("problem"), py::arg("W"), py::kw_only(), py::arg("centre"), py::arg("scale"), py::arg("l2"),
           py::arg("intercept_penalty"), py::arg("fit_intercept"), py::arg("levels") = 0, py::arg("weaker") = 0.1,
           py::arg("settled") = 0.0)
      .def("step", &NewtonObject::step, py::arg("enough"), py::kw_only(), py::arg("num_threads") = 0)
      .def_property_readonly("W", &NewtonObject::weights)
      .def_property_readonly("F", &NewtonObject::F)
      .def_property_readonly("gradient_norm", &NewtonObject::gradient_norm)
      .def_property_readonly("gap", &NewtonObject::gap);
}

}  // namespace softmargin
