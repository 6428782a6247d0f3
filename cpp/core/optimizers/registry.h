// The update rules by name: one line each.
#pragma once

#include "../type_list.h"
#include "adagrad.h"
#include "adam.h"
#include "adamw.h"
#include "rmsprop.h"
#include "sgd.h"

namespace softmargin {
namespace {

using Optimizers = TypeList<  //
    Sgd,                      //
    Adagrad,                  //
    RmsProp,                  //
    Adam,                     //
    AdamW>;

}  // namespace
}  // namespace softmargin
