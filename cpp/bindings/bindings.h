// The binding functions that module.cpp calls, one a subject.
#pragma once

#include <pybind11/pybind11.h>

namespace softmargin {

void bind_errors(pybind11::module_& m);
void bind_config(pybind11::module_& m);
void bind_registry(pybind11::module_& m);
void bind_matrix(pybind11::module_& m);
void bind_objective(pybind11::module_& m);
void bind_rowwise(pybind11::module_& m);
void bind_coordinates(pybind11::module_& m);
void bind_gram(pybind11::module_& m);
void bind_newton(pybind11::module_& m);
void bind_machine(pybind11::module_& m);
void bind_train(pybind11::module_& m);

}  // namespace softmargin
