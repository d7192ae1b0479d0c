// What a model computes on an input, and the filters that it does it with, as a page's script draws them.
#pragma once

#include "driver/activations.h"
#include "nlohmann/json_fwd.hpp"

namespace nnc::driver {

// {words: [what stands at each place of a text], values: [{name, shape: "[6, 28, 28]", kind, low, mean, high, zeros, form,
// says, note, width, height: of each picture, words: whether its columns are places of the text, pictures: [data URI …]}…]}
// At most so many pictures of a value, and so many units of a sequence.
nlohmann::ordered_json activation_json(const Activations& activations, size_t most_panels,
                                       int64_t most_units);

// The same of one row, with `row` and `place`, as a sample of predictions_of has them: the values of the report, which are
// feature maps of convolutions, states of recurrences and weights of attention; `left` says of how many of a kind the first
// are there. null where the model has none of these.
nlohmann::ordered_json seen_of(Session& session, const Trained& trained, const runtime::Dataset& data);

// {parameter, of, note, width, height, channels, pictures: [[name, data URI]…]} of the first convolution; null where there
// is none.
nlohmann::ordered_json first_filters_of(const Trained& trained);

}  // namespace nnc::driver
