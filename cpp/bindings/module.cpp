// The extension module softmargin._core.
#include "bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of softmargin. Arguments are checked by the Python modules that call it.";
  softmargin::bind_errors(m);
  softmargin::bind_config(m);
  softmargin::bind_registry(m);
  softmargin::bind_matrix(m);
  softmargin::bind_objective(m);
  softmargin::bind_rowwise(m);
  softmargin::bind_coordinates(m);
  softmargin::bind_gram(m);
  softmargin::bind_newton(m);
  softmargin::bind_train(m);
  softmargin::bind_machine(m);
}
