// Newton's method for losses of each output alone with an l2 penalty: few dense features, in double, every output by
// itself.
//
// A step solves H p = -g and goes to where F along p is least, which costs nothing but the scores of p: of losses whose
// curvature jumps, squared hinges above all, whole steps go in circles. H adds what the rows have changed since the
// last step. Outputs are what the threads share. Source: Keerthi and DeCoste, A Modified Finite Newton Method for Fast
// Solution of Large Scale Linear SVMs, JMLR 6 (2005).
#pragma once

#include "buffer.h"
#include "kernels/loss_tile.h"
#include "regions.h"

namespace softmargin {

struct KernelTable;  // kernels/table.h

// LAPACK's dposv: solves A x = b with A symmetric and positive definite, a (n, n) by columns, both overwritten.
using SolvePositive = void (*)(char* triangle, int* n, int* n_right, double* a, int* lda, double* b, int* ldb,
                               int* info);

class Newton {
 public:
  // What stays the same. F has intercept_penalty b^2 / 2.
  struct Options {
    int loss = 0;  // index in the registry; smooth, of each output alone
    int64_t n_outputs = 0;
    double total_weight = 0;
    double l2 = 0;
    double intercept_penalty = 0;
    bool fit_intercept = true;
    // Stronger penalties on the way: l2 / weaker^levels first, the next one where a step takes off less than the share
    // `settled` of F. Losses whose curvature jumps need them where the penalty is weak.
    int levels = 0;
    double weaker = 0.1, settled = 0;
    SolvePositive solve = nullptr;
  };

  // X is dense; centre and scale as centred_rows takes them. Throws ValueError for another loss.
  Newton(const MatrixView& X, const double* centre, const double* scale, const Options& options);

  // Starts at W (n_outputs, n_features + 1), the intercept last.
  void begin(const LossData<double>& data, const double* W);

  // A step of every output whose gap is above `enough` and that gains more than rounding; returns how many those were.
  int64_t step(const LossData<double>& data, double enough, int num_threads, const Poll& poll);

  int64_t n_outputs() const { return options_.n_outputs; }
  int64_t n_unknowns() const { return m_; }  // of each output
  const double* weights(int64_t c) const { return W_.data() + c * padded_; }
  // F with the penalty that is asked for.
  double objective(int64_t c) const { return of_[static_cast<std::size_t>(c)].own_F; }
  // The squared length of its gradient.
  double gradient_square(int64_t c) const { return of_[static_cast<std::size_t>(c)].gradient_square; }
  // About what a certificate would prove of this output.
  double gap(int64_t c) const { return of_[static_cast<std::size_t>(c)].gap; }

 private:
  struct Output {
    int level = 0;
    double l2 = 0, F = 0;                            // of the level
    double own_F = 0, gradient_square = 0, gap = 0;  // of the penalty that is asked for
    bool settled = false;                            // no step gains anything
    bool has_hessian = false;                        // of in_hessian_
  };
  struct Room;  // what one thread works in

  void look(const KernelTable& table, const LossData<double>& data, int64_t c, Room& room);
  bool move(const KernelTable& table, const LossData<double>& data, int64_t c, Room& room);
  bool weaken(const KernelTable& table, const LossData<double>& data, int64_t c, Room& room);
  void read_targets(const LossData<double>& data, int64_t c, Room& room) const;
  void update_hessian(const KernelTable& table, int64_t c, Room& room);
  bool direction(int64_t c, Room& room);

  Options options_;
  int64_t n_, m_, padded_;
  Buffer<double> Z_;                           // [n][padded]
  Buffer<double> W_, g_;                       // [n_outputs][padded]
  Buffer<double> S_, curvature_, in_hessian_;  // [n_outputs][n]: scores, second derivatives, and those that H_ holds
  Buffer<double> H_;                           // [n_outputs][padded][padded], lower triangle by columns, losses alone
  std::vector<Output> of_;
};

}  // namespace softmargin
