// Rows of numbers to small PNGs.
#include "driver/report_page/sample_picture.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "driver/draw/cairo.h"

namespace nnc::driver {
namespace {

constexpr int64_t kSmallest = 8, kLargest = 512;

int64_t whole_root(int64_t n) {
  const auto root = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(n))));
  return root * root == n ? root : 0;
}

bool is_side(int64_t n) {
  return n >= kSmallest && n <= kLargest;
}

}  // namespace

std::optional<PictureShape> picture_shape(std::span<const int64_t> shape) {
  if (!has_cairo()) return std::nullopt;
  PictureShape picture;
  if (shape.size() == 1) {
    picture.height = picture.width = whole_root(shape[0]);
    if (picture.height == 0 && shape[0] % 3 == 0) {
      picture.height = picture.width = whole_root(shape[0] / 3);
      picture.channels = 3;
      picture.channels_first = true;
    }
  } else if (shape.size() == 2) {
    picture.height = shape[0];
    picture.width = shape[1];
  } else if (shape.size() == 3) {
    picture.channels_first = shape[0] == 1 || shape[0] == 3;
    picture.channels = picture.channels_first ? shape[0] : shape[2];
    picture.height = picture.channels_first ? shape[1] : shape[0];
    picture.width = picture.channels_first ? shape[2] : shape[1];
  }
  if (!is_side(picture.height) || !is_side(picture.width)) return std::nullopt;
  if (picture.channels != 1 && picture.channels != 3) return std::nullopt;
  return picture;
}

cairo_surface_t* surface_of_row(const PictureShape& shape, std::span<const float> values, float low,
                                float high) {
  cairo_surface_t* image = cairo().image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(shape.width),
                                                        static_cast<int>(shape.height));
  unsigned char* pixels = cairo().image_surface_get_data(image);
  const int stride = cairo().image_surface_get_stride(image);
  const float span = high > low ? high - low : 1;
  for (int64_t y = 0; y < shape.height; ++y)
    for (int64_t x = 0; x < shape.width; ++x) {
      uint32_t pixel = 0;
      for (int64_t c = 0; c < 3; ++c) {
        const int64_t channel = shape.channels == 1 ? 0 : c;
        const int64_t at = shape.channels_first ? (channel * shape.height + y) * shape.width + x
                                                : (y * shape.width + x) * shape.channels + channel;
        const float share = std::clamp((values[static_cast<size_t>(at)] - low) / span, 0.0f, 1.0f);
        pixel = pixel << 8 | static_cast<uint32_t>(std::lround(255 * share));
      }
      std::memcpy(pixels + y * stride + x * 4, &pixel, sizeof pixel);
    }
  cairo().surface_mark_dirty(image);
  return image;
}

std::string picture_of_row(const PictureShape& shape, std::span<const float> values, float low, float high) {
  cairo_surface_t* image = surface_of_row(shape, values, low, high);
  std::string png;
  cairo().surface_write_to_png_stream(image, append_bytes, &png);
  cairo().surface_destroy(image);
  return png;
}

std::string base64(std::span<const unsigned char> bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t three = 0;
    for (size_t k = 0; k < 3; ++k) three = three << 8 | (i + k < bytes.size() ? bytes[i + k] : 0u);
    for (size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? kDigits[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string data_uri(const std::string& png) {
  return "data:image/png;base64," + base64({reinterpret_cast<const unsigned char*>(png.data()), png.size()});
}

}  // namespace nnc::driver
