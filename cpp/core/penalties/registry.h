// The penalties by name: one line each.
#pragma once

#include "../type_list.h"
#include "elasticnet.h"
#include "l1.h"
#include "l2.h"

namespace softmargin {
namespace {

using Penalties = TypeList<  //
    L2,                      //
    L1,                      //
    ElasticNet>;

}  // namespace
}  // namespace softmargin
