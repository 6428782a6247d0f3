// What the benchmark measures the machine by.
#include "arrays.h"
#include "bindings.h"
#include "core/machine.h"

namespace softmargin {
namespace {

double read_array(const Array<float>& array, int num_threads) {
  const float* data = array.data();
  const int64_t n = array.size();
  const py::gil_scoped_release released;
  return read_memory(data, n, num_threads);
}

double operations(int64_t rounds, const std::string& dtype, int num_threads) {
  const py::gil_scoped_release released;
  return dtype == "float32" ? peak_operations<float>(rounds, num_threads)
                            : peak_operations<double>(rounds, num_threads);
}

void move_arrays(const py::object& w, const py::object& g, const py::object& s0, const py::object& s1,
                 int num_threads) {
  const auto n = static_cast<int64_t>(py::len(w));
  Array<float> weights = checked<float>("w", w, {n}), first = checked<float>("s0", s0, {n}),
               second = checked<float>("s1", s1, {n});
  const Array<float> gradient = checked<float>("g", g, {n});
  float *a = weights.mutable_data(), *b = first.mutable_data(), *c = second.mutable_data();
  const float* d = gradient.data();
  const py::gil_scoped_release released;
  move_memory(a, d, b, c, n, num_threads);
}

// As Problem.loss_and_grad without penalty, for dense float32 X.
py::tuple pass_freely(const ProblemObject& object, const py::object& W_object, const py::object& b_object,
                      int num_threads) {
  const Problem<float> problem = object.view<float>();
  const int64_t k = problem.n_outputs, d = problem.X.n_features;
  const Array<float> W = checked<float>("W", W_object, {k, d}), b = checked<float>("b", b_object, {k});
  Array<float> grad({k, d}), intercept_grad(k);
  const Packing packing = problem.packing();
  Buffer<float> packed(packed_size(packing));
  Buffer<double> G(packed_size(packing)), db(k);
  Sums sums{0, G.data(), db.data()};
  {
    const float* bias = b.data();
    const py::gil_scoped_release released;
    pack(packing, W.data(), packed.data());
    if (!accumulate_freely(problem, packed.data(), bias, sums, num_threads))
      throw ValueError("W: expected weights whose scores are finite in float32, got an overflow");
    const double scale = 1 / object.total_weight();
    unpack(packing, G.data(), grad.mutable_data(), scale);
    for (int64_t c = 0; c < k; ++c) intercept_grad.mutable_data()[c] = static_cast<float>(scale * db[c]);
    sums.loss *= scale;
  }
  return py::make_tuple(sums.loss, grad, intercept_grad);
}

}  // namespace

void bind_machine(py::module_& m) {
  m.def("_read", &read_array, py::arg("array").noconvert(), py::arg("num_threads"));
  m.def("_operations", &operations, py::arg("rounds"), py::arg("dtype"), py::arg("num_threads"));
  m.def("_move", &move_arrays, py::arg("w"), py::arg("g"), py::arg("s0"), py::arg("s1"), py::arg("num_threads"));
  m.def("_pass_freely", &pass_freely, py::arg("problem"), py::arg("W"), py::arg("b"), py::arg("num_threads"));
  m.def("_nothing", [](const py::object&, const py::object&) {}, py::arg("a"), py::arg("b"));
}

}  // namespace softmargin
