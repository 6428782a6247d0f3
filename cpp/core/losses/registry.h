// The losses by name: one line each.
#pragma once

#include "../type_list.h"
#include "binary_hinge.h"
#include "binary_squared_hinge.h"
#include "crammer_singer.h"
#include "hinge.h"
#include "huber.h"
#include "logistic.h"
#include "mae.h"
#include "mse.h"
#include "softmax.h"
#include "squared_hinge.h"

namespace softmargin {
namespace {

using Losses = TypeList<  //
    Softmax,              //
    Hinge,                //
    SquaredHinge,         //
    CrammerSinger,        //
    Logistic,             //
    BinaryHinge,          //
    BinarySquaredHinge,   //
    Mse,                  //
    Mae,                  //
    Huber>;

}  // namespace
}  // namespace softmargin
