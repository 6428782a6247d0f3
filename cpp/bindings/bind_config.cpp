// Threads, instruction sets and what the build knows of itself.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <new>
#include <stdexcept>

#include "bindings.h"
#include "core/dispatch.h"
#include "core/errors.h"
#include "core/kernels/table.h"
#include "core/parallel.h"

namespace py = pybind11;

namespace softmargin {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#else
  return "GCC " __VERSION__;
#endif
}

py::dict build_info() {
  const OpenMPInfo openmp = openmp_info();
  py::dict info;
  info["version"] = SOFTMARGIN_VERSION;
  info["compiler"] = compiler();
  info["simd_compiled"] = py::tuple(py::cast(compiled_levels()));
  info["simd_supported"] = py::tuple(py::cast(supported_levels()));
  info["simd_active"] = active_level();
  info["openmp"] = openmp.date;
  info["openmp_library"] = openmp.library;
  info["num_threads"] = default_threads();
  info["num_threads_reason"] = default_threads_reason();
  return info;
}

// For the tests: throws on one rank of a real region, in its second phase or after its last one; whoever comes back
// from the second phase knows of no failure. Returns the number of threads that did.
int throw_in_parallel(int rank, int num_threads, const std::string& kind, bool in_phase) {
  if (kind != "runtime_error" && kind != "bad_alloc" && kind != "none")
    throw ValueError("kind: expected one of 'runtime_error', 'bad_alloc', 'none', got '" + kind + "'");
  std::vector<char> arrived(static_cast<size_t>(num_threads), 0);
  parallel(num_threads, [&](Team& team) {
    const auto fail = [&] {
      if (team.rank() < rank) return;  // so that several throw, of which the lowest counts
      if (kind == "bad_alloc") throw std::bad_alloc();
      if (kind == "runtime_error") throw std::runtime_error("thrown on rank " + std::to_string(team.rank()));
    };
    if (!team.phase([] {})) return;
    if (!in_phase) fail();
    if (!team.phase([&] {
          if (in_phase) fail();
        }))
      return;
    arrived[static_cast<size_t>(team.rank())] = 1;
  });
  int n = 0;
  for (const char one : arrived) n += one;
  return n;
}

// For the tests: exp, log or log1p of math.h at the active level.
template <class T>
py::array_t<T> apply_math(const std::string& name, const py::array_t<T, py::array::c_style>& x) {
  if (name != "exp" && name != "log" && name != "log1p")
    throw ValueError("name: expected one of 'exp', 'log', 'log1p', got '" + name + "'");
  const Function f = name == "exp" ? Function::exp : name == "log" ? Function::log : Function::log1p;
  py::array_t<T> y(x.size());
  kernels_of<T>(kernels()).apply(f, x.data(), x.size(), y.mutable_data());
  return y;
}

}  // namespace

void bind_config(py::module_& m) {
  m.def("get_num_threads", &default_threads);
  m.def("set_num_threads", &set_default_threads, py::arg("n"));
  m.def("simd_level", &active_level);
  m.def("simd_levels", [] { return py::tuple(py::cast(supported_levels())); });
  m.def("set_simd_level", &set_level, py::arg("name"));
  m.def("build_info", &build_info);
  m.def("_cgroup_cpus", &cgroup_cpus, py::arg("mount"), py::arg("membership"));
  m.def("_set_fork_handler", &set_fork_handler, py::arg("enabled"));
  m.def("_throw_in_parallel", &throw_in_parallel, py::arg("rank"), py::arg("num_threads"), py::arg("kind"),
        py::arg("in_phase") = true, py::call_guard<py::gil_scoped_release>());
  m.def("_math", &apply_math<float>, py::arg("name"), py::arg("x").noconvert());
  m.def("_math", &apply_math<double>, py::arg("name"), py::arg("x").noconvert());
  default_threads();  // has the runtime say its number before a caller limits it
}

}  // namespace softmargin
