// The trainer, a single step of a rule, and the order of an epoch.
#include <optional>
#include <variant>

#include "arrays.h"
#include "bindings.h"
#include "core/permutation.h"
#include "core/step.h"
#include "core/train.h"

namespace softmargin {
namespace {

// A trainer with everything it looks at.
template <class T>
struct Training {
  py::object keep;  // the problem and the arrays of the standardisation
  Problem<T> problem;
  Buffer<double> inverse_deviation;
  TrainOptions options;
  std::unique_ptr<Trainer<T>> trainer;
};

template <class T>
void fill(Trained<T>& trained, const Packing& packing, const py::object& w, const py::object& states, const char* name,
          std::initializer_list<int64_t> shape) {
  pack(packing, checked<T>(name, w, shape).data(), trained.w.data());
  if (states.is_none()) return;
  const auto list = states.cast<py::sequence>();
  for (std::size_t i = 0; i < trained.states.size(); ++i) {
    if (i >= list.size())
      throw ValueError("states: expected " + std::to_string(trained.states.size()) + " arrays, got " +
                       std::to_string(list.size()));
    pack(packing, checked<T>("states", py::object(list[i]), shape).data(), trained.states[i].data());
  }
}

template <class T>
Array<T> unpacked(const Buffer<T>& packed, const Packing& packing, std::vector<int64_t> shape) {
  Array<T> array = fresh<T>(shape);
  unpack(packing, packed.data(), array.mutable_data());
  return array;
}

class TrainerObject {
  template <class F>
  auto visit(F&& f) const {
    return std::visit([&](const auto& training) { return f(*training); }, training_);
  }

  static Packing vector_packing(const Packing& packing) { return {packing.n_outputs, 1, 1}; }

  // The weights that are told: the averages, once there are any.
  template <class T>
  static std::pair<Array<T>, Array<T>> told(Training<T>& training) {
    if (!training.options.average || training.trainer->steps() == 0) return internal(training);
    auto [W, b] = internal(training);
    const auto [mean_W, mean_b] = averaged(training);
    for (int64_t i = 0; i < W.size(); ++i) W.mutable_data()[i] = static_cast<T>(mean_W.data()[i]);
    for (int64_t i = 0; i < b.size(); ++i) b.mutable_data()[i] = static_cast<T>(mean_b.data()[i]);
    return {W, b};
  }

  template <class T>
  static std::pair<Array<double>, Array<double>> averaged(Training<T>& training) {
    const Packing packing = training.problem.packing();
    return {unpacked(training.trainer->average(), packing, {packing.n_outputs, packing.n_features}),
            unpacked(training.trainer->intercept_average(), vector_packing(packing), {packing.n_outputs})};
  }

  template <class T>
  static std::pair<Array<T>, Array<T>> internal(Training<T>& training) {
    const Packing packing = training.problem.packing();
    return {unpacked(training.trainer->weights().w, packing, {packing.n_outputs, packing.n_features}),
            unpacked(training.trainer->intercept().w, vector_packing(packing), {packing.n_outputs})};
  }

 public:
  TrainerObject(const py::object& problem_object, const py::object& W0, const py::object& b0,
                const std::string& optimizer, const py::tuple& hyperparameters, const py::object& penalty,
                int64_t batch_size, bool shuffle, std::uint64_t seed, const py::object& mean, const py::object& scale,
                const py::object& states, const py::object& intercept_states, int64_t t, bool average,
                const py::object& averages, int num_threads) {
    const auto& problem = problem_object.cast<const ProblemObject&>();
    if (batch_size < 1) throw ValueError("batch_size: expected at least 1, got " + std::to_string(batch_size));
    TrainOptions options;
    options.rule = rule_from(optimizer, hyperparameters);
    options.penalty = penalty_from(penalty);
    options.batch_size = batch_size;
    options.shuffle = shuffle;
    options.intercept = !b0.is_none();
    options.seed = seed;
    options.average = average;
    options.num_threads = num_threads;
    if (problem.is_float()) {
      make<float>(problem_object, problem, options, W0, b0, mean, scale, states, intercept_states, t, averages);
    } else {
      make<double>(problem_object, problem, options, W0, b0, mean, scale, states, intercept_states, t, averages);
    }
  }

  void start_epoch(std::uint64_t epoch) {
    visit([&](auto& training) {
      const py::gil_scoped_release released;
      training.trainer->start_epoch(epoch, signal_poll());
    });
  }

  double run(const Array<double>& lr) {
    const double* rates = lr.data();
    const int64_t count = lr.size();
    return visit([&](auto& training) {
      const py::gil_scoped_release released;
      return training.trainer->run(rates, count, signal_poll());
    });
  }

  int64_t steps_per_epoch() const {
    return visit([](const auto& training) { return training.trainer->steps_per_epoch(); });
  }

  py::tuple weights() {
    return visit([](auto& training) -> py::tuple {
      const auto [W, b] = internal(training);
      return py::make_tuple(W, training.options.intercept ? py::object(b) : py::object(py::none()));
    });
  }

  py::tuple raw_weights() {
    return visit([](auto& training) -> py::tuple {
      auto [W, b] = told(training);
      const double* mean = training.options.mean;
      if (mean) {
        const int64_t k = W.shape(0), d = W.shape(1);
        using T = std::remove_pointer_t<decltype(W.mutable_data())>;
        for (int64_t c = 0; c < k; ++c) {
          double shift = 0;
          T* w = W.mutable_data() + c * d;
          for (int64_t j = 0; j < d; ++j) {
            const double raw = static_cast<double>(w[j]) * training.inverse_deviation[j];
            shift += raw * mean[j];
            w[j] = static_cast<T>(raw);
          }
          b.mutable_data()[c] = static_cast<T>(static_cast<double>(b.data()[c]) - shift);
        }
      }
      return py::make_tuple(W, training.options.intercept || mean ? py::object(b) : py::object(py::none()));
    });
  }

  py::object averages() {
    return visit([](auto& training) -> py::object {
      if (!training.options.average) return py::none();
      const auto [W, b] = averaged(training);
      return py::make_tuple(W, b);
    });
  }

  py::tuple state() {
    return visit([](auto& training) -> py::tuple {
      auto& trainer = *training.trainer;
      const Packing packing = training.problem.packing();
      py::list states, intercept_states;
      for (auto& state : trainer.weights().states) {
        states.append(unpacked(state, packing, {packing.n_outputs, packing.n_features}));
      }
      for (auto& state : trainer.intercept().states)
        intercept_states.append(unpacked(state, vector_packing(packing), {packing.n_outputs}));
      return py::make_tuple(states, intercept_states, trainer.steps());
    });
  }

 private:
  template <class T>
  void make(const py::object& object, const ProblemObject& problem, TrainOptions options, const py::object& W0,
            const py::object& b0, const py::object& mean, const py::object& scale, const py::object& states,
            const py::object& intercept_states, int64_t t, const py::object& averages) {
    auto training = std::make_unique<Training<T>>();
    training->problem = problem.view<T>();
    const int64_t k = problem.n_outputs(), d = problem.X().view.n_features;
    py::object means = py::none();
    if (!mean.is_none()) {
      means = checked<double>("mean", mean, {d});
      const Array<double> deviation = checked<double>("scale", scale, {d});
      training->inverse_deviation = Buffer<double>(d);
      for (int64_t j = 0; j < d; ++j)
        training->inverse_deviation[j] = deviation.data()[j] > 0 ? 1 / deviation.data()[j] : 0;
      options.mean = py::reinterpret_borrow<Array<double>>(means).data();
      options.inverse_deviation = training->inverse_deviation.data();
    }
    training->keep = py::make_tuple(object, means);
    training->options = options;
    training->trainer = Trainer<T>::make(training->problem, options, t);
    fill(training->trainer->weights(), training->problem.packing(), W0, states, "W0", {k, d});
    if (!b0.is_none())
      fill(training->trainer->intercept(), vector_packing(training->problem.packing()), b0, intercept_states,
           "intercept0", {k});
    if (options.average && !averages.is_none()) {
      const auto pair = averages.cast<py::tuple>();
      const Packing packing = training->problem.packing();
      pack(packing, checked<double>("average", pair[0], {k, d}).data(), training->trainer->average().data());
      pack(vector_packing(packing), checked<double>("average", pair[1], {k}).data(),
           training->trainer->intercept_average().data());
    }
    training->trainer->weights_changed();
    training_ = std::move(training);
  }

  std::variant<std::unique_ptr<Training<float>>, std::unique_ptr<Training<double>>> training_;
};

template <class T>
void step_arrays(const Rule& rule, const Penalty& penalty, py::object W_object, const py::object& grad_object,
                 const py::sequence& states, int64_t t, double lr) {
  const Array<T> W = W_object.cast<Array<T>>();
  const int64_t n = W.size();
  if (!W.writeable()) throw ValueError("W: expected a writeable array");
  if (!py::isinstance<Array<T>>(grad_object) || !W_object.attr("shape").equal(grad_object.attr("shape"))) {
    throw ValueError("grad: expected a contiguous array of W's shape and dtype");
  }
  const Array<T> grad = grad_object.cast<Array<T>>();
  T* state[kMaxStates] = {};
  const int n_states = rule.n_states();
  if (static_cast<int>(states.size()) < n_states) {
    throw ValueError("state: expected " + std::to_string(n_states) + " arrays, got " + std::to_string(states.size()));
  }
  for (int i = 0; i < n_states; ++i) {
    const py::object array = states[static_cast<std::size_t>(i)];
    if (!py::isinstance<Array<T>>(array) || !W_object.attr("shape").equal(array.attr("shape")) ||
        !array.cast<Array<T>>().writeable()) {
      throw ValueError("state: expected writeable contiguous arrays of W's shape and dtype");
    }
    state[i] = array.cast<Array<T>>().mutable_data();
  }
  auto* w = const_cast<T*>(W.data());
  const T* g = grad.data();
  const py::gil_scoped_release released;
  softmargin::step(rule, penalty, w, g, state, n, t, lr);
}

// A step on no more weights than this takes 10 us, and keeps the GIL: to let go of it takes a tenth of a microsecond.
constexpr int64_t kFewWeights = 16384;

// step_arrays for arrays that need no conversion; false, with nothing done, for all others and for those that are
// wrong, which the way through Python names.
template <class T>
bool plain_step(const Rule& rule, const py::object& penalty, const py::array& W, const py::object& grad,
                const py::dict& arrays, const py::tuple& names, int64_t t, double lr) {
  T* state[kMaxStates] = {};
  const auto same_as_W = [&](const py::object& array) { return plain_data<T>(array, W.shape(), W.ndim()); };
  T* w = same_as_W(W);
  const T* g = same_as_W(grad);
  if (!w || !g || !W.writeable() || W.size() == 0 || arrays.size() != names.size()) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    PyObject* found = PyDict_GetItem(arrays.ptr(), names[i].ptr());
    if (!found) return false;
    const auto array = py::reinterpret_borrow<py::object>(found);
    state[i] = same_as_W(array);
    if (!state[i] || !py::reinterpret_borrow<py::array>(array).writeable()) return false;
  }
  const int64_t n = W.size();
  const auto apart = [n](const T* a, const T* b) { return a + n <= b || b + n <= a; };
  if (!apart(w, g)) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!apart(state[i], w) || !apart(state[i], g)) return false;
    for (std::size_t j = 0; j < i; ++j)
      if (!apart(state[i], state[j])) return false;
  }
  const Penalty chosen = penalty_from(penalty);
  std::optional<py::gil_scoped_release> released;
  if (n > kFewWeights) released.emplace();
  softmargin::step(rule, chosen, w, g, state, n, t, lr);
  return true;
}

Array<int64_t> order_of(int64_t n, std::uint64_t seed, std::uint64_t epoch) {
  if (n < 0) throw ValueError("n: expected at least 0, got " + std::to_string(n));
  Array<int64_t> order(n);
  int64_t* data = order.mutable_data();
  const py::gil_scoped_release released;
  permutation(n, seed, epoch, data, signal_poll());
  return order;
}

}  // namespace

void bind_train(py::module_& m) {
  py::class_<TrainerObject>(m, "Trainer")
      .def(py::init<const py::object&, const py::object&, const py::object&, const std::string&, const py::tuple&,
                    const py::object&, int64_t, bool, std::uint64_t, const py::object&, const py::object&,
                    const py::object&, const py::object&, int64_t, bool, const py::object&, int>(),
           py::arg("problem"), py::arg("W0"), py::arg("b0"), py::arg("optimizer"), py::arg("hyperparameters"),
           py::arg("penalty"), py::kw_only(), py::arg("batch_size"), py::arg("shuffle"), py::arg("seed"),
           py::arg("mean") = py::none(), py::arg("scale") = py::none(), py::arg("states") = py::none(),
           py::arg("intercept_states") = py::none(), py::arg("t") = 0, py::arg("average") = false,
           py::arg("averages") = py::none(), py::arg("num_threads") = 0)
      .def("start_epoch", &TrainerObject::start_epoch, py::arg("epoch"))
      .def("run", &TrainerObject::run, py::arg("lr"))
      .def_property_readonly("n_steps_per_epoch", &TrainerObject::steps_per_epoch)
      .def("weights", &TrainerObject::weights)
      .def("raw_weights", &TrainerObject::raw_weights)
      .def("averages", &TrainerObject::averages)
      .def("state", &TrainerObject::state);
  py::class_<Rule>(m, "Rule")
      .def(py::init(&rule_from), py::arg("optimizer"), py::arg("hyperparameters"))
      .def_property_readonly("state_names", [](const Rule& rule) {
        py::list names;
        for (int i = 0; i < rule.n_states(); ++i) names.append(optimizer_traits(rule.index).states[i]);
        return py::tuple(names);
      });
  m.def(
      "update",
      [](const Rule& rule, const py::object& penalty, const py::object& W, const py::object& grad,
         const py::sequence& states, int64_t t, double lr) {
        const Penalty chosen = penalty_from(penalty);
        if (py::isinstance<Array<float>>(W)) return step_arrays<float>(rule, chosen, W, grad, states, t, lr);
        if (py::isinstance<Array<double>>(W)) return step_arrays<double>(rule, chosen, W, grad, states, t, lr);
        throw TypeError("W: expected a C-contiguous array of float32 or float64");
      },
      py::arg("rule"), py::arg("penalty"), py::arg("W"), py::arg("grad"), py::arg("states"), py::arg("t"),
      py::arg("lr"));
  m.def(
      "plain_step",
      [](const Rule& rule, const py::object& penalty, const py::object& W, const py::object& grad,
         const py::object& arrays, const py::tuple& names, int64_t t, double lr) {
        if (!plain(W) || !PyDict_CheckExact(arrays.ptr())) return false;
        const auto weights = py::reinterpret_borrow<py::array>(W);
        const auto run = weights.itemsize() == 4 ? &plain_step<float> : &plain_step<double>;
        return run(rule, penalty, weights, grad, py::reinterpret_borrow<py::dict>(arrays), names, t, lr);
      },
      py::arg("rule"), py::arg("penalty"), py::arg("W"), py::arg("grad"), py::arg("arrays"), py::arg("names"),
      py::arg("t"), py::arg("lr"));
  m.def("permutation", &order_of, py::arg("n"), py::arg("seed"), py::arg("epoch"));
}

}  // namespace softmargin
