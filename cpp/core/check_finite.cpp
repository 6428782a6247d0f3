// Finds the first entry of X that is not finite: called once a score was not, so that a pass need not look at every
// entry.
#include <sstream>

#include "errors.h"
#include "layouts/registry.h"
#include "objective.h"

namespace softmargin {

template <class T>
void check_finite(const MatrixView& X, const Poll& poll) {
  Stopwatch watch;
  Layouts::for_each([&]<class Layout>(int layout) {
    if (layout != X.layout) return;
    for (int64_t i = 0; i < X.n_samples; ++i) {
      if (i % 16 == 0 && watch.seconds() > kRegionSeconds) poll(), watch = Stopwatch();
      Layout::each_stored(X, i, [&](int64_t j, double value) {
        const T cast = static_cast<T>(value);
        if (cast - cast == T(0)) return;
        std::ostringstream text;
        text << "X: expected finite values, got ";
        if (value != value) {
          text << "nan";
        } else if (value - value != 0) {
          text << (value > 0 ? "inf" : "-inf");
        } else {
          text << value << " (beyond float32, the dtype of W)";
        }
        text << " at row " << i << ", column " << j;
        throw ValueError(text.str());
      });
    }
  });
}

template void check_finite<float>(const MatrixView&, const Poll&);
template void check_finite<double>(const MatrixView&, const Poll&);

}  // namespace softmargin
