// Pictures in files: PNG and JPEG become bytes [channels, height, width], and a folder of them, one folder per
// class, the fields pixels and class.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/arrays.h"

namespace nnc::runtime {

// Rows of pixels from the top, red, green and blue beside each other.
struct Picture {
  int64_t height = 0, width = 0;
  std::vector<unsigned char> rgb;
};

// Decodes PNG (any kind; transparency over white) or JPEG (all but CMYK), told apart by their first bytes.
Result<Picture> decode_picture(const std::string& path, std::span<const unsigned char> bytes,
                               Diagnostics& diagnostics);

// The same, once it is known to be JPEG (decode_jpeg.cpp).
Result<Picture> decode_jpeg(const std::string& path, std::span<const unsigned char> bytes,
                            Diagnostics& diagnostics);
// At least one pixel and not so many that it must be a mistake; reports it otherwise.
bool picture_size_is_good(const std::string& path, int64_t width, int64_t height, Diagnostics& diagnostics);

// Bilinear with the filter widened where the picture shrinks, so that every pixel counts: the way Pillow's
// BILINEAR resizes, in the same fixed-point arithmetic. First along rows, then along columns, each rounded to bytes.
Picture resize_picture(const Picture& picture, int64_t height, int64_t width);

// As planes [channels, height, width]; one channel is gray: 0.299 red + 0.587 green + 0.114 blue.
void write_planes(const Picture& picture, int64_t channels, unsigned char* to);

struct PictureOptions {
  std::vector<int64_t> size;       // height and width to resize to; empty: all have the same already
  int64_t channels = 3;            // 1: gray
  bool labeled = true;             // one folder per class; else one picture, or a folder of them
  std::vector<std::string> known;  // the classes of training; empty: the folders give them
};

// Reads them in the order of their names (by bytes). All faulty files are reported.
Result<FieldSet> read_pictures(const std::string& path, const PictureOptions& options,
                               Diagnostics& diagnostics);

// The names of the class folders, sorted; no error if there are none.
std::vector<std::string> picture_classes(const std::string& folder);

// How many pictures are in this folder itself, by their names.
int64_t count_pictures(const std::string& folder);

// Height and width of the first picture below a folder, or of the picture at `path`; {0, 0} if there is none.
std::pair<int64_t, int64_t> first_picture_size(const std::string& path);

}  // namespace nnc::runtime
