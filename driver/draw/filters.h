// The weights of a convolution as pictures: one of each filter in color or gray, or one of each of its channels.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "driver/draw/template_sheet.h"

namespace nnc::driver {

struct Filters {
  PictureShape shape;                 // of each picture
  std::vector<Template> pictures;     // filter by filter
  int64_t filters = 0, channels = 1;  // that are drawn: a filter has a picture of each, or one in color
  std::string note;                   // what is left out: "the first 32 of 64 filters"
};

// Of weights [filters, channels, height, width], or of [filters, channels, length], whose filters are pictures of
// channels by length; at most so many pictures.
Filters filters_of(std::span<const int64_t> shape, std::span<const float> weights, int64_t most);

}  // namespace nnc::driver
