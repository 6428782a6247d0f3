// Turns the core's errors into the Python exceptions that they are named after.
#include "bindings.h"
#include "core/errors.h"

namespace py = pybind11;

namespace softmargin {

// std::bad_alloc and the standard exceptions are pybind11's own.
void bind_errors(py::module_&) {
  py::register_local_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const ValueError& e) {
      PyErr_SetString(PyExc_ValueError, e.what());
    } catch (const TypeError& e) {
      PyErr_SetString(PyExc_TypeError, e.what());
    } catch (const DivergenceError& e) {
      PyErr_SetString(PyExc_FloatingPointError, e.what());
    } catch (const Interrupted&) {
      if (PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_KeyboardInterrupt);
    }
  });
}

}  // namespace softmargin
