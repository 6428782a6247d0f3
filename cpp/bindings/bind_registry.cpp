// The registries as dictionaries: what Python generates its classes, choices and error texts from.
#include "arrays.h"
#include "bindings.h"

namespace softmargin {
namespace {

py::object default_of(const Option& option) {
  if (option.required) return py::none();
  if (option.count == 0) return py::bool_(option.defaults[0] != 0);
  if (option.count == 2) return py::make_tuple(option.defaults[0], option.defaults[1]);
  return py::float_(option.defaults[0]);
}

// (name, default or None where one must be given, low, high, whether low and high are excluded, text)
py::tuple options_of(const Option* options, int count) {
  py::tuple all(count);
  for (int i = 0; i < count; ++i) {
    const Option& o = options[i];
    all[static_cast<std::size_t>(i)] =
        py::make_tuple(o.name, default_of(o), o.low, o.high, o.low_open, o.high_open, o.doc);
  }
  return all;
}

py::dict registry() {
  constexpr const char* targets[] = {"classes", "signs", "real"};
  py::dict losses, penalties, optimizers;
  for (int i = 0; i < loss_count(); ++i) {
    const LossTraits& traits = loss_traits(i);
    py::dict info;
    info["target"] = targets[static_cast<int>(traits.target)];
    info["convex"] = traits.convex;
    info["smooth"] = traits.smooth;
    info["distributions"] = traits.distributions;
    py::list parameters;
    if (traits.uses_margin) parameters.append("margin");
    if (traits.uses_delta) parameters.append("delta");
    info["parameters"] = py::tuple(parameters);
    info["doc"] = traits.formula;
    const auto limit = [](double bound) {
      return bound == kNoBound ? py::object(py::none()) : py::object(py::float_(bound));
    };
    info["dual_each"] = limit(traits.dual_each);
    info["dual_total"] = limit(traits.dual_total);
    losses[traits.name] = info;
  }
  for (int i = 0; i < penalty_count(); ++i) {
    const PenaltyTraits& traits = penalty_traits(i);
    py::dict info;
    info["class_name"] = traits.class_name;
    info["parameters"] = options_of(traits.options, traits.n_options);
    info["doc"] = traits.doc;
    penalties[traits.name] = info;
  }
  for (int i = 0; i < optimizer_count(); ++i) {
    const OptimizerTraits& traits = optimizer_traits(i);
    py::dict info;
    info["hyperparameters"] = options_of(traits.options, traits.n_options);
    py::tuple states(traits.n_states);
    for (int s = 0; s < traits.n_states; ++s) states[static_cast<std::size_t>(s)] = traits.states[s];
    info["state"] = states;
    info["doc"] = traits.doc;
    optimizers[traits.name] = info;
  }
  py::dict all;
  all["losses"] = losses;
  all["penalties"] = penalties;
  all["optimizers"] = optimizers;
  return all;
}

}  // namespace

void bind_registry(py::module_& m) {
  m.def("registry", &registry);
  m.def(
      "l1_l2",
      [](const py::object& penalty) -> py::object {
        const Penalty chosen = penalty_from(penalty);
        return chosen.quadratic() ? py::object(py::make_tuple(chosen.l1(), chosen.l2())) : py::object(py::none());
      },
      py::arg("penalty"));
  m.def(
      "curvature",
      [](const std::string& loss, int64_t n_outputs) -> py::object {
        const double bound = loss_curvature(find_loss(loss), n_outputs);
        return bound == kNoBound ? py::object(py::none()) : py::object(py::float_(bound));
      },
      py::arg("loss"), py::arg("n_outputs"));
}

}  // namespace softmargin
