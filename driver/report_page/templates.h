// The first layer's rows of weights as pictures in the report, where they have the size of the input picture.
#pragma once

#include "driver/trained.h"
#include "nlohmann/json_fwd.hpp"

namespace nnc::driver {

// {parameter, input, of, are_classes, pictures: [data URI …]}; null where no parameter [n, pixels] fits a picture that
// the model is given.
nlohmann::ordered_json templates_of(const Trained& trained, const runtime::Dataset& data);

}  // namespace nnc::driver
