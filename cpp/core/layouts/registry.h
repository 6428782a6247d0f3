// The layouts of X: one line each; MatrixView::layout is the place in this list.
#pragma once

#include "../type_list.h"
#include "csr.h"
#include "dense.h"

namespace softmargin {
namespace {

using Layouts = TypeList<       //
    Dense<float>,               //
    Dense<double>,              //
    Dense<Half>,                //
    Dense<std::uint8_t>,        //
    Csr<float, std::int32_t>,   //
    Csr<float, std::int64_t>,   //
    Csr<double, std::int32_t>,  //
    Csr<double, std::int64_t>>;

}  // namespace
}  // namespace softmargin
