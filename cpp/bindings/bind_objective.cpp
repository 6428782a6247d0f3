// Loss, gradient and scores over a data set.
#include <atomic>
#include <optional>

#include "arrays.h"
#include "bindings.h"
#include "core/parallel.h"
#include "core/regions.h"

namespace softmargin {
namespace {

// Above this the way through Python judges margin and delta, which float32 may not hold.
constexpr double kLargest = 1e30;

// More threads than this the way through Python judges.
constexpr long kMostPlainThreads = 256;

// Fewer targets than this one thread looks at, in 10 us.
constexpr int64_t kFewTargets = 65536;

// Fewer weights than this one thread copies, in 40 us; one takes as long as so many multiply-adds.
constexpr int64_t kFewWeights = 65536;
constexpr double kCopyWork = 8;

// A pass of no more multiply-adds than this takes 10 us and keeps the GIL: to let go of it takes a tenth of a
// microsecond.
constexpr double kFewMultiplyAdds = 4e5;

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

// f(features) on as many threads as asked for, on one where W is small.
template <class F>
void each_share(const Packing& packing, int num_threads, F&& f) {
  const int64_t d = packing.n_features;
  if (packed_size(packing) < kFewWeights) return f(Features{0, d});
  parallel(threads_for(num_threads, kCopyWork * static_cast<double>(packed_size(packing))), [&](Team& team) {
    const Share own = share_of((d + kChunk - 1) / kChunk, team.rank(), team.size());
    f(Features{minimum(own.begin * kChunk, d), minimum(own.end * kChunk, d)});
  });
}

// F and its gradient at W (n_outputs, n_features), b (n_outputs,); grad and db may be null. False if a score is not
// finite. To be called without the GIL.
template <class T>
bool evaluate(const Problem<T>& problem, double total_weight, const T* W, const T* b, const Penalty& penalty,
              double intercept_penalty, double* loss, T* grad, T* intercept_grad, int num_threads) {
  const int64_t k = problem.n_outputs, d = problem.X.n_features;
  const Packing packing = problem.packing();
  Buffer<T> packed(packed_size(packing));
  fill_padding(packing, packed.data(), T(0));
  each_share(packing, num_threads, [&](Features own) { pack_features(packing, own, W, packed.data()); });
  Buffer<double> G(grad ? packed_size(packing) : 0), db(k);
  Sums sums;
  sums.G = grad ? G.data() : nullptr;
  sums.db = db.data();
  if (!accumulate(problem, {nullptr, 0, problem.X.n_samples}, packed.data(), b, sums, num_threads, signal_poll())) {
    return false;
  }
  const double scale = 1 / total_weight;
  if (grad)
    each_share(packing, num_threads, [&](Features own) { unpack_features(packing, own, G.data(), grad, scale); });
  *loss = scale * sums.loss;
  if (!penalty.none()) *loss += problem.kernels().penalty_terms[penalty.index](W, k * d, penalty.options, grad);
  for (int64_t c = 0; c < k; ++c) {
    const double intercept = static_cast<double>(b[c]);
    *loss += 0.5 * intercept_penalty * intercept * intercept;
    if (intercept_grad) intercept_grad[c] = static_cast<T>(scale * db[c] + intercept_penalty * intercept);
  }
  return true;
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
    Array<T> array = out.is_none() ? fresh<T>({k, d}) : checked<T>("out", out, {k, d});
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
    if (!evaluate(problem, object.total_weight(), W_data, b.data(), penalty, intercept_penalty, &loss, grad_data,
                  intercept_grad_data, num_threads)) {
      check_finite<T>(problem.X, signal_poll());
      scores_overflow(object.is_float());
    }
  }
  return py::make_tuple(loss, grad, intercept_grad);
}

// What the arguments of plain_pass below are read as; for what needs a conversion, or is wrong, nothing.

std::optional<MatrixView> plain_matrix(const py::object& object) {
  if (!plain(object)) return std::nullopt;
  const auto X = py::reinterpret_borrow<py::array>(object);
  const py::dtype dtype = X.dtype();
  const bool known = (dtype.kind() == 'f' && X.itemsize() <= 8) || (dtype.kind() == 'u' && X.itemsize() == 1);
  if (!known || X.ndim() != 2 || X.shape(0) == 0 || X.shape(1) == 0 || X.strides(1) != X.itemsize() ||
      X.strides(0) % X.itemsize() != 0 || (X.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) == 0)
    return std::nullopt;
  return dense_view(X);
}

std::optional<int> plain_loss(const py::object& name) {
  if (!PyUnicode_CheckExact(name.ptr())) return std::nullopt;
  for (int loss = 0; loss < loss_count(); ++loss)
    if (PyUnicode_CompareWithASCIIString(name.ptr(), loss_traits(loss).name) == 0) return loss;
  return std::nullopt;
}

std::optional<LossParameters> plain_parameters(const py::object& margin, const py::object& delta) {
  if (!PyFloat_CheckExact(margin.ptr()) || !PyFloat_CheckExact(delta.ptr())) return std::nullopt;
  const LossParameters values{PyFloat_AS_DOUBLE(margin.ptr()), PyFloat_AS_DOUBLE(delta.ptr())};
  if (!(values.margin >= 0 && values.margin <= kLargest && values.delta > 0 && values.delta <= kLargest))
    return std::nullopt;
  return values;
}

std::optional<int> plain_threads(const py::object& number) {
  if (number.is_none()) return 0;
  if (!PyLong_CheckExact(number.ptr())) return std::nullopt;
  int overflow = 0;
  const long value = PyLong_AsLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0 || value < 1 || value > kMostPlainThreads) return std::nullopt;
  return static_cast<int>(value);
}

// Whether good(x) of all x [n]. Sums of ones and not flags: the compiler makes vectors of them.
template <class T, class F>
bool all_of(const T* x, int64_t n, int num_threads, F&& good) {
  const auto all_within = [&](int64_t begin, int64_t end) {
    int64_t wrong = 0;
#pragma omp simd reduction(+ : wrong)
    for (int64_t i = begin; i < end; ++i) wrong += good(x[i]) ? 0 : 1;
    return wrong == 0;
  };
  if (n < kFewTargets) return all_within(0, n);
  std::atomic<bool> all{true};
  parallel(num_threads, [&](Team& team) {
    const Share own = share_of(n, team.rank(), team.size());
    if (!all_within(own.begin, own.end)) all = false;
  });
  return all;
}

template <class T>
std::optional<TargetView<T>> plain_targets(const py::object& y, Target kind, int64_t n, int64_t k, int num_threads) {
  const auto* labels = plain_data<int64_t>(y, {n});
  if (labels && kind != Target::real && k >= 2) {
    // The sign of label and that of k - 1 - label, which vectors of AVX2 and less have no comparison for.
    const auto outside = [last = static_cast<std::uint64_t>(k - 1)](int64_t label) {
      return (static_cast<std::uint64_t>(label) | (last - static_cast<std::uint64_t>(label))) >> 63;
    };
    if (all_of(labels, n, num_threads, [&](int64_t label) { return outside(label) == 0; }))
      return TargetView<T>{labels, nullptr};
  }
  const T* values = k == 1 ? plain_data<T>(y, {n}) : nullptr;
  if (!values) values = plain_data<T>(y, {n, k});
  if (!values || kind == Target::classes) return std::nullopt;
  const bool good = kind == Target::signs
                        ? all_of(values, n * k, num_threads, [](T value) { return magnitude(value) == T(1); })
                        : all_of(values, n * k, num_threads, [](T value) { return value - value == T(0); });
  if (!good) return std::nullopt;
  return TargetView<T>{nullptr, values};
}

struct PlainPass {
  py::array W;
  MatrixView X;
  py::object y;
  int loss;
  py::object intercept;
  Penalty penalty;
  LossParameters parameters;
  py::object out;
  int num_threads;
};

// Weights that are not finite make scores that are not, whatever X: nothing looks at the weights themselves.
template <class T>
py::object plain_pass(const PlainPass& pass) {
  const int64_t n = pass.X.n_samples, d = pass.X.n_features, k = pass.W.shape(0);
  const T* W = plain_data<T>(pass.W, {k, d});
  const auto y = plain_targets<T>(pass.y, loss_traits(pass.loss).target, n, k, pass.num_threads);
  const bool with_intercept = !pass.intercept.is_none();
  const T* given = with_intercept ? plain_data<T>(pass.intercept, {k}) : nullptr;
  if (!W || !y || (with_intercept && !given)) return py::none();
  const Buffer<T> zeros = Buffer<T>::zeros(with_intercept ? 0 : k);
  const bool own = pass.out.is_none();
  Array<T> grad = own ? fresh<T>({k, d}) : py::reinterpret_borrow<Array<T>>(pass.out);
  T* grad_data = own ? grad.mutable_data() : plain_data<T>(pass.out, {k, d});
  if (!grad_data || !grad.writeable() || (grad_data < W + k * d && W < grad_data + k * d)) return py::none();
  py::object intercept_grad = py::none();
  T* intercept_grad_data = nullptr;
  if (with_intercept) {
    Array<T> db(k);
    intercept_grad_data = db.mutable_data();
    intercept_grad = std::move(db);
  }
  const LossData<T> data{*y, nullptr, nullptr, pass.parameters};
  const Problem<T> problem{&kernels(), pass.X, static_cast<double>(d), pass.loss, data, k};
  double value;
  std::optional<py::gil_scoped_release> released;
  if (problem.multiply_adds(n) > kFewMultiplyAdds) released.emplace();
  const bool finite = evaluate(problem, static_cast<double>(n), W, with_intercept ? given : zeros.data(), pass.penalty,
                               0.0, &value, grad_data, intercept_grad_data, pass.num_threads);
  released.reset();
  if (!finite) return py::none();
  return py::make_tuple(value, grad, intercept_grad);
}

// loss_and_grad for arguments that need no conversion, without weights of samples: None for all others and for those
// that are wrong, which the way through Python names. A call on 64 x 64 takes a third of the time of that.
py::object plain_pass_of(const py::object& W, const py::object& X, const py::object& y, const py::object& loss,
                         const py::object& b, const py::object& penalty, const py::object& margin,
                         const py::object& delta, const py::object& out, const py::object& num_threads) {
  if (!plain(W)) return py::none();
  const auto weights = py::reinterpret_borrow<py::array>(W);
  const auto matrix = plain_matrix(X);
  const auto index = plain_loss(loss);
  const auto parameters = plain_parameters(margin, delta);
  const auto threads = plain_threads(num_threads);
  if (weights.ndim() != 2 || !matrix || !index || !parameters || !threads) return py::none();
  const PlainPass pass{weights, *matrix, y, *index, b, penalty_from(penalty), *parameters, out, *threads};
  return weights.itemsize() == 4 ? plain_pass<float>(pass) : plain_pass<double>(pass);
}

template <class T>
py::object scores(const Matrix& X, const py::object& W_object, const py::object& b_object, int num_threads) {
  const int64_t n = X.view.n_samples, d = X.view.n_features;
  const int64_t k =
      py::len(W_object.attr("shape")) == 2 ? W_object.attr("shape").cast<py::tuple>()[0].cast<int64_t>() : -1;
  const Array<T> W = checked<T>("W", W_object, {k, d});
  const Buffer<T> b = intercept_or_zeros<T>(b_object, k);
  Array<T> S = fresh<T>({n, k});
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
  m.def("plain_pass", &plain_pass_of, py::arg("W"), py::arg("X"), py::arg("y"), py::arg("loss"), py::arg("b"),
        py::arg("penalty"), py::arg("margin"), py::arg("delta"), py::arg("out"), py::arg("num_threads"));
  m.def(
      "scores",
      [](const py::object& W, const py::object& b, const Matrix& X, int num_threads) {
        return py::isinstance<Array<float>>(W) ? scores<float>(X, W, b, num_threads)
                                               : scores<double>(X, W, b, num_threads);
      },
      py::arg("W"), py::arg("b"), py::arg("X"), py::arg("num_threads") = 0);
}

}  // namespace softmargin
