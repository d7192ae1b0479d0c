// How the rows of convolution.cpp are written in formulas (OpDef::formula).
#pragma once

#include "ir/ops/support.h"

namespace nnc::ops {

Writings write_conv(Notation& n);
Writings write_conv_input(Notation& n);
Writings write_conv_weight(Notation& n);

}  // namespace nnc::ops
