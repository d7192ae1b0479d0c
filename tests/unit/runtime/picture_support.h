// Pictures with known pixels as PNG and JPEG, for tests.
#pragma once

#include <cstdio>  // jpeglib.h needs it before
//
#include <jpeglib.h>
#include <png.h>

#include <cstdlib>

#include <string>
#include <vector>

#include "runtime/formats/pictures.h"
#include "support/check.h"

namespace nnc::runtime::test {

// A picture whose pixel at (y, x) is (10 y + x, 100, 200 - x), which a test can recognize.
inline Picture ramp(int64_t height, int64_t width) {
  Picture picture{height, width, {}};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (const int64_t c : {10 * y + x, int64_t{100}, 200 - x})
        picture.rgb.push_back(static_cast<unsigned char>(c));
  return picture;
}

inline std::string png(const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  NNC_CHECK(png_image_write_to_memory(&image, nullptr, &size, 0, picture.rgb.data(), 0, nullptr) != 0,
            image.message);
  std::string out(size, '\0');
  NNC_CHECK(png_image_write_to_memory(&image, out.data(), &size, 0, picture.rgb.data(), 0, nullptr) != 0,
            image.message);
  out.resize(size);
  return out;
}

// As JPEG without subsampling; with a restart marker after each row of blocks if wanted.
inline std::string jpeg(const Picture& picture, bool restarts = false) {
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &bytes, &size);
  encoder.image_width = static_cast<JDIMENSION>(picture.width);
  encoder.image_height = static_cast<JDIMENSION>(picture.height);
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, 95, TRUE);
  encoder.comp_info[0].h_samp_factor = encoder.comp_info[0].v_samp_factor = 1;
  encoder.restart_in_rows = restarts ? 1 : 0;
  jpeg_start_compress(&encoder, TRUE);
  for (int64_t y = 0; y < picture.height; ++y) {
    auto* row = const_cast<unsigned char*>(picture.rgb.data() + y * picture.width * 3);
    jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  std::string out(reinterpret_cast<const char*>(bytes), size);
  std::free(bytes);
  return out;
}

inline std::vector<unsigned char> bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

}  // namespace nnc::runtime::test
