// PNG through libpng's simplified interface, telling PNG and JPEG apart, and resizing; see pictures.h.
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "fmt/format.h"
#include "runtime/formats/pictures.h"

namespace nnc::runtime {
namespace {

constexpr int64_t kMostPixels = int64_t{1} << 27;  // 134 million: more is a mistake or an attack

Failure damaged(const std::string& path, std::string message, Diagnostics& diagnostics) {
  diagnostics.error_at(DiagnosticKind::data_format, path, std::move(message));
  return {};
}

// A PNG without what it says about color (gAMA, cHRM, sRGB, iCCP, bKGD): its numbers are taken as they are, as nearly
// every program that reads pictures to learn from does. What follows a chunk that is no chunk is left to the decoder.
std::vector<unsigned char> without_color_spaces(std::span<const unsigned char> bytes) {
  constexpr size_t kSignature = 8, kAround = 12;  // a chunk's length, type and checksum
  std::vector<unsigned char> out(bytes.begin(), bytes.begin() + std::min(kSignature, bytes.size()));
  for (size_t at = out.size(); at < bytes.size();) {
    size_t end = bytes.size();
    std::string_view type;
    if (bytes.size() - at >= kAround) {
      const size_t length = static_cast<size_t>(bytes[at]) << 24 | static_cast<size_t>(bytes[at + 1]) << 16 |
                            static_cast<size_t>(bytes[at + 2]) << 8 | bytes[at + 3];
      type = {reinterpret_cast<const char*>(bytes.data()) + at + 4, 4};
      if (length <= bytes.size() - at - kAround) end = at + kAround + length;
    }
    constexpr std::string_view kColor[] = {"gAMA", "cHRM", "sRGB", "iCCP", "bKGD"};
    if (std::find(std::begin(kColor), std::end(kColor), type) == std::end(kColor))
      out.insert(out.end(), bytes.begin() + static_cast<ptrdiff_t>(at),
                 bytes.begin() + static_cast<ptrdiff_t>(end));
    at = end;
  }
  return out;
}

Result<Picture> decode_png(const std::string& path, std::span<const unsigned char> file,
                           Diagnostics& diagnostics) {
  const std::vector<unsigned char> bytes = without_color_spaces(file);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> freed(&image, png_image_free);
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0)
    return damaged(path, fmt::format("is a damaged PNG: {}", image.message), diagnostics);
  Picture picture{image.height, image.width, {}};
  if (!picture_size_is_good(path, picture.width, picture.height, diagnostics)) return Failure{};
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits are a finer scale of the same numbers, not light
  const bool transparent = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  image.format = transparent ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  picture.rgb.resize(PNG_IMAGE_SIZE(image));
  if (png_image_finish_read(&image, nullptr, picture.rgb.data(), 0, nullptr) == 0)
    return damaged(path, fmt::format("is a damaged PNG: {}", image.message), diagnostics);
  if (!transparent) return picture;
  // Over white.
  unsigned char* to = picture.rgb.data();
  for (const unsigned char* from = to; from != picture.rgb.data() + picture.rgb.size(); from += 4)
    for (int c = 0; c < 3; ++c)
      *to++ = static_cast<unsigned char>((from[c] * from[3] + 255 * (255 - from[3]) + 127) / 255);
  picture.rgb.resize(static_cast<size_t>(to - picture.rgb.data()));
  return picture;
}

// What one output pixel takes from a line of `from` pixels: a triangle as wide as one output pixel at least,
// as fixed-point weights of 22 bits.
struct Taps {
  int64_t first = 0;
  std::vector<int32_t> weights;
};
constexpr int kBits = 22;

std::vector<Taps> make_taps(int64_t from, int64_t to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(step, 1.0);
  std::vector<Taps> taps(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * step;
    Taps& tap = taps[static_cast<size_t>(i)];
    tap.first = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const int64_t end = std::min(from, static_cast<int64_t>(center + support + 0.5));
    std::vector<double> exact;
    double sum = 0;
    for (int64_t x = tap.first; x < end; ++x) {
      exact.push_back(std::max(0.0, 1.0 - std::abs((static_cast<double>(x) - center + 0.5) / support)));
      sum += exact.back();
    }
    for (const double w : exact)
      tap.weights.push_back(static_cast<int32_t>(std::floor(w / sum * (1 << kBits) + 0.5)));
  }
  return taps;
}

// Resizes the lines of a picture; the result is turned over its diagonal, so that doing this twice resizes both
// ways and turns it back.
Picture resize_lines(const Picture& picture, int64_t width) {
  const std::vector<Taps> taps = make_taps(picture.width, width);
  Picture out{width, picture.height,
              std::vector<unsigned char>(static_cast<size_t>(width * picture.height * 3))};
  for (int64_t y = 0; y < picture.height; ++y) {
    const unsigned char* line = picture.rgb.data() + y * picture.width * 3;
    for (int64_t x = 0; x < width; ++x) {
      const Taps& tap = taps[static_cast<size_t>(x)];
      std::array<int64_t, 3> sum = {1 << (kBits - 1), 1 << (kBits - 1), 1 << (kBits - 1)};
      const unsigned char* at = line + tap.first * 3;
      for (const int32_t w : tap.weights)
        for (size_t c = 0; c < 3; ++c) sum[c] += int64_t{w} * *at++;
      unsigned char* to = out.rgb.data() + (x * picture.height + y) * 3;
      for (size_t c = 0; c < 3; ++c)
        to[c] = static_cast<unsigned char>(std::clamp<int64_t>(sum[c] >> kBits, 0, 255));
    }
  }
  return out;
}

}  // namespace

bool picture_size_is_good(const std::string& path, int64_t width, int64_t height, Diagnostics& diagnostics) {
  if (width > 0 && height > 0 && width * height <= kMostPixels) return true;
  diagnostics.error_at(
      DiagnosticKind::data_format, path,
      fmt::format("claims to have {} x {} pixels; at most {} are supported", width, height, kMostPixels));
  return false;
}

Result<Picture> decode_picture(const std::string& path, std::span<const unsigned char> bytes,
                               Diagnostics& diagnostics) {
  static constexpr unsigned char kPng[] = {0x89, 'P', 'N', 'G'}, kJpeg[] = {0xFF, 0xD8};
  const auto starts = [&](std::span<const unsigned char> mark) {
    return bytes.size() >= mark.size() && std::equal(mark.begin(), mark.end(), bytes.begin());
  };
  if (starts(kPng)) return decode_png(path, bytes, diagnostics);
  if (starts(kJpeg)) return decode_jpeg(path, bytes, diagnostics);
  if (bytes.empty()) return damaged(path, "is empty", diagnostics);
  return damaged(path, "is neither PNG nor JPEG, despite its name", diagnostics);
}

Picture resize_picture(const Picture& picture, int64_t height, int64_t width) {
  if (picture.height == height && picture.width == width) return picture;
  return resize_lines(resize_lines(picture, width), height);
}

void write_planes(const Picture& picture, int64_t channels, unsigned char* to) {
  const auto pixels = static_cast<size_t>(picture.height * picture.width);
  for (size_t i = 0; i < pixels; ++i) {
    const unsigned char* rgb = picture.rgb.data() + 3 * i;
    if (channels == 1)
      to[i] = static_cast<unsigned char>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
    else
      for (size_t c = 0; c < 3; ++c) to[c * pixels + i] = rgb[c];
  }
}

}  // namespace nnc::runtime
