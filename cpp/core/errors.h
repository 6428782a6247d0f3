// The errors of the core, named after the Python exceptions that they become.
#pragma once

#include <stdexcept>
#include <string>

namespace softmargin {

struct ValueError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct TypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The loss or the weights left the finite numbers during training (FloatingPointError in Python).
struct DivergenceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The caller asked to stop between two regions (the Python exception is already set).
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

}  // namespace softmargin
