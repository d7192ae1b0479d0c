// Rows of data as small pictures.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "driver/draw/cairo.h"

namespace nnc::driver {

struct PictureShape {
  int64_t height = 0, width = 0, channels = 1;
  bool channels_first = false;
};

// What picture a row of this shape may be: [h, w], [h, w, 3], [3, h, w], or flat h² or 3h² numbers from 8 x 8 on.
// Nothing if it looks like none, or where Cairo is missing.
std::optional<PictureShape> picture_shape(std::span<const int64_t> shape);

// The pixels of a row, for the caller to destroy; the values from `low` to `high` become dark to light.
cairo_surface_t* surface_of_row(const PictureShape& shape, std::span<const float> values, float low,
                                float high);
// The same as a PNG; the values from `low` to `high` become dark to light.
std::string picture_of_row(const PictureShape& shape, std::span<const float> values, float low, float high);

// "data:image/png;base64,…"
std::string data_uri(const std::string& png);

std::string base64(std::span<const unsigned char> bytes);

}  // namespace nnc::driver
