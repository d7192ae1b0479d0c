// PNG and JPEG: decoded, made smaller and larger, and laid out as planes.
#include <span>

#include "runtime/formats/pictures.h"
#include "target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Diagnostics diagnostics;
  const Result<runtime::Picture> picture =
      runtime::decode_picture("1.png", std::span(data, size), diagnostics);
  if (!fuzz::answered(picture, diagnostics)) return 0;
  NNC_CHECK(picture->rgb.size() == static_cast<size_t>(picture->height * picture->width * 3),
            "a picture of another size than it says");
  const runtime::Picture resized = runtime::resize_picture(*picture, 5, 70);
  unsigned char planes[3 * 5 * 70];
  for (const int64_t channels : {1, 3}) runtime::write_planes(resized, channels, planes);
  return 0;
}
