// Which share of the work a thread takes next.
#include "regions.h"

namespace softmargin {

FreeShares::FreeShares(const std::vector<Share>& shares) : shares_(shares), taken_(shares.size(), false) {}

std::size_t FreeShares::take() {
  const std::scoped_lock locked(lock_);
  std::size_t best = shares_.size();
  int64_t most = 0;
  for (std::size_t s = 0; s < shares_.size(); ++s) {
    if (!taken_[s] && left(s) > most) best = s, most = left(s);
  }
  if (best < shares_.size()) taken_[best] = true;
  return best;
}

void FreeShares::give_back(std::size_t s) {
  const std::scoped_lock locked(lock_);
  taken_[s] = false;
}

bool FreeShares::any() const {
  for (std::size_t s = 0; s < shares_.size(); ++s) {
    if (left(s) > 0) return true;
  }
  return false;
}

}  // namespace softmargin
