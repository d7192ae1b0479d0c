// What a model computes on an input as one picture: values below each other, each with its name.
#pragma once

#include <string>

#include "driver/activations.h"

namespace nnc::driver {

struct ActivationSheet {
  std::string file;  // the bytes
  size_t drawn = 0;  // of the values: those that one picture has room for
};

// `name` says the kind by its ending: .svg, else PNG with 2 pixels per unit.
ActivationSheet activation_sheet(const std::string& name, const Activations& activations);

}  // namespace nnc::driver
