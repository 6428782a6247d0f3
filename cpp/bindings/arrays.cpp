// Builds views from arrays and options from tuples.
#include "arrays.h"

#include <atomic>

#if defined(_WIN32)
#include <process.h>
#else
#include <unistd.h>
#endif

#include "core/layouts/registry.h"

namespace softmargin {

bool plain(const py::object& object) {
  if (reinterpret_cast<PyTypeObject*>(py::type::handle_of(object).ptr()) != py::detail::npy_api::get().PyArray_Type_)
    return false;
  const char order = py::reinterpret_borrow<py::array>(object).dtype().byteorder();
  return order == '=' || order == '|';
}

ProblemObject::ProblemObject(std::shared_ptr<Matrix> X, const py::object& y, const std::string& loss, int64_t n_outputs,
                             double margin, double delta, const py::object& sample_weight,
                             const py::object& positive_weight, const std::string& dtype)
    : X_(std::move(X)),
      is_float_(dtype == "float32"),
      loss_(find_loss(loss)),
      n_outputs_(n_outputs),
      parameters_{margin, delta},
      labels_(py::none()),
      values_(py::none()),
      sample_weight_(py::none()),
      positive_weight_(py::none()),
      centre_(py::none()),
      total_weight_(static_cast<double>(X_->view.n_samples)) {
  if (!is_float_ && dtype != "float64") throw TypeError("dtype: expected 'float32' or 'float64', got '" + dtype + "'");
  const int64_t n = X_->view.n_samples;
  const LossTraits& traits = loss_traits(loss_);
  const int64_t least = traits.target == Target::classes ? 2 : 1;
  if (n_outputs < least) {
    throw ValueError("n_outputs: expected at least " + std::to_string(least) + " for loss '" + loss + "', got " +
                     std::to_string(n_outputs));
  }
  if (py::isinstance<Array<int64_t>>(y)) {
    const Array<int64_t> labels = checked<int64_t>("y", y, {n});
    if (traits.target == Target::real) throw TypeError("y: expected real targets for loss '" + loss + "', got labels");
    for (int64_t i = 0; i < n; ++i) {
      if (labels.data()[i] < 0 || labels.data()[i] >= n_outputs) {
        throw ValueError("y: expected labels 0 to " + std::to_string(n_outputs - 1) + ", got " +
                         std::to_string(labels.data()[i]) + " at row " + std::to_string(i));
      }
    }
    labels_ = labels;
  } else {
    if (traits.target == Target::classes && !traits.distributions)
      throw TypeError("y: expected integer labels for loss '" + loss + "', got values");
    values_ = is_float_ ? py::object(checked<float>("y", y, {n, n_outputs}))
                        : py::object(checked<double>("y", y, {n, n_outputs}));
  }
  if (!sample_weight.is_none()) {
    const Array<double> weights = checked<double>("sample_weight", sample_weight, {n});
    total_weight_ = 0;
    for (int64_t i = 0; i < n; ++i) total_weight_ += weights.data()[i];
    sample_weight_ = weights;
  }
  if (!positive_weight.is_none()) {
    const Array<double> weights = checked<double>("positive_weight", positive_weight, {n_outputs});
    positive_weight_ = is_float_ ? py::object(py::array_t<float, py::array::c_style | py::array::forcecast>(weights))
                                 : py::object(weights);
  }
}

template <class T>
Problem<T> ProblemObject::view() const {
  const auto data = [](const py::object& array, auto* type) {
    using E = std::remove_pointer_t<decltype(type)>;
    return array.is_none() ? nullptr : py::reinterpret_borrow<Array<E>>(array).data();
  };
  LossData<T> loss_data{{data(labels_, static_cast<int64_t*>(nullptr)), data(values_, static_cast<T*>(nullptr))},
                        data(sample_weight_, static_cast<double*>(nullptr)),
                        data(positive_weight_, static_cast<T*>(nullptr)),
                        parameters_,
                        data(centre_, static_cast<T*>(nullptr)),
                        width_};
  return {&kernels(), X_->view, X_->entries_per_row, loss_, loss_data, n_outputs_};
}

void ProblemObject::smooth(const py::object& centre, double width) {
  if (!centre.is_none()) {
    const int64_t n = X_->view.n_samples;
    if (loss_traits(loss_).smooth) throw ValueError("loss: expected one that is not smooth");
    if (!(width > 0)) throw ValueError("width: expected a number above 0, got " + std::to_string(width));
    if (is_float_) checked<float>("centre", centre, {n, n_outputs_});
    if (!is_float_) checked<double>("centre", centre, {n, n_outputs_});
  }
  centre_ = centre;
  width_ = width;
}

template Problem<float> ProblemObject::view() const;
template Problem<double> ProblemObject::view() const;

Penalty penalty_from(const py::object& object) {
  Penalty penalty;
  if (object.is_none()) return penalty;
  const auto [name, options] = object.cast<std::pair<std::string, py::tuple>>();
  penalty.index = find_penalty(name);
  const PenaltyTraits& traits = penalty_traits(penalty.index);
  if (static_cast<int>(options.size()) != traits.n_options) {
    throw ValueError("penalty: expected " + std::to_string(traits.n_options) + " options, got " +
                     std::to_string(options.size()));
  }
  for (std::size_t i = 0; i < options.size(); ++i) penalty.options[i] = options[i].cast<double>();
  return penalty;
}

Rule rule_from(const std::string& optimizer, const py::tuple& options) {
  Rule rule;
  rule.index = find_optimizer(optimizer);
  const int count = flat_options(optimizer_traits(rule.index));
  if (static_cast<int>(options.size()) != count) {
    throw ValueError("hyperparameters: expected " + std::to_string(count) + " numbers, got " +
                     std::to_string(options.size()));
  }
  for (std::size_t i = 0; i < options.size(); ++i) rule.options[i] = options[i].cast<double>();
  return rule;
}

namespace {

long process_id() {
#if defined(_WIN32)
  return _getpid();
#else
  return getpid();
#endif
}

// A fork makes the thread that forks Python's main one. pybind11 imports the module on the thread that first asks for
// it, which need not be the main one: ask threading.
bool on_main_thread() {
  static std::atomic<unsigned long> main_thread{0};
  static std::atomic<long> process{-1};
  if (process.load() != process_id()) {
    const py::gil_scoped_acquire gil;
    main_thread = py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();
    process = process_id();
  }
  return PyThread_get_thread_ident() == main_thread;
}

bool is_sparse(const Matrix& X) {
  bool sparse = false;
  Layouts::for_each(
      [&]<class Layout>(int layout) { sparse = sparse || (layout == X.view.layout && Layout::width == 1); });
  return sparse;
}

}  // namespace

void require_csr(const Matrix& X) {
  if (!is_sparse(X)) throw TypeError("X: expected CSR, got a dense matrix");
}

void require_dense(const Matrix& X) {
  if (is_sparse(X)) throw TypeError("X: expected a dense matrix, got CSR");
}

Poll signal_poll() {
  return [] {
    if (!on_main_thread()) return;
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw Interrupted();
  };
}

}  // namespace softmargin
