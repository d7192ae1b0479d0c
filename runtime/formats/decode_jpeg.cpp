// JPEG through libjpeg, whose warnings are told apart: what leaves all pixels as the file has them is read, what makes
// pixels up is damage. See pictures.h.
#include <cstdio>  // jpeglib.h needs it before
//
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstring>

#include "fmt/format.h"
#include "runtime/formats/pictures.h"

namespace nnc::runtime {
namespace {

// libjpeg's own place for errors; the first one that counts ends the decoding.
struct Errors {
  jpeg_error_mgr base;  // the first member: libjpeg hands out a pointer to it
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void give_up(j_common_ptr decoder) {
  Errors& errors = *reinterpret_cast<Errors*>(decoder->err);
  decoder->err->format_message(decoder, errors.message);
  std::longjmp(errors.back, 1);
}

// Whether a warning leaves every pixel as the file has it. All others are about data that does not add up, in whose place
// libjpeg puts gray.
bool is_harmless(const jpeg_decompress_struct& decoder) {
  switch (decoder.err->msg_code) {
    case JWRN_JFIF_MAJOR:      // a version that nobody knows, of a header whose other fields are as ever
    case JWRN_NOT_SEQUENTIAL:  // fields that mean nothing here, and are not what they must be
      return true;
    case JWRN_EXTRANEOUS_DATA: {  // between two parts; before a restart it is data that did not fit
      const int marker = decoder.err->msg_parm.i[1];
      return marker < JPEG_RST0 || marker > JPEG_RST0 + 7;
    }
    default:
      return false;
  }
}

void see_message(j_common_ptr decoder, int level) {
  if (level < 0 && !is_harmless(*reinterpret_cast<jpeg_decompress_struct*>(decoder))) give_up(decoder);
}

void print_nothing(j_common_ptr) {}

enum class End { good, too_large, for_print, damaged };

// Only plain values here: what goes wrong in libjpeg jumps over the rest of this function. `reserve` is given height and
// width, and gives where the pixels go, or null.
template <class Reserve>
End decode(std::span<const unsigned char> bytes, jpeg_decompress_struct& decoder, Errors& errors,
           const Reserve& reserve) {
  if (setjmp(errors.back) != 0) return End::damaged;
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, bytes.data(), bytes.size());
  jpeg_read_header(&decoder, TRUE);
  if (decoder.jpeg_color_space == JCS_CMYK || decoder.jpeg_color_space == JCS_YCCK) return End::for_print;
  unsigned char* to = reserve(decoder.image_height, decoder.image_width);
  if (to == nullptr) return End::too_large;
  decoder.out_color_space = JCS_RGB;
  jpeg_start_decompress(&decoder);
  while (decoder.output_scanline < decoder.output_height) {
    JSAMPROW row = to + size_t{decoder.output_scanline} * decoder.output_width * 3;
    jpeg_read_scanlines(&decoder, &row, 1);
  }
  jpeg_finish_decompress(&decoder);
  return End::good;
}

}  // namespace

Result<Picture> decode_jpeg(const std::string& path, std::span<const unsigned char> bytes,
                            Diagnostics& diagnostics) {
  jpeg_decompress_struct decoder{};
  Errors errors{};
  decoder.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = give_up;
  errors.base.emit_message = see_message;
  errors.base.output_message = print_nothing;
  Picture picture;
  const End end = decode(bytes, decoder, errors, [&](int64_t height, int64_t width) -> unsigned char* {
    if (!picture_size_is_good(path, width, height, diagnostics)) return nullptr;
    picture = {height, width, std::vector<unsigned char>(static_cast<size_t>(width * height) * 3)};
    return picture.rgb.data();
  });
  jpeg_destroy_decompress(&decoder);
  if (end == End::good) return picture;
  if (end == End::damaged)
    diagnostics.error_at(DiagnosticKind::data_format, path,
                         fmt::format("is a damaged JPEG: {}", errors.message));
  if (end == End::for_print)
    diagnostics
        .error_at(DiagnosticKind::data_format, path, "is a JPEG for print (CMYK), which is not supported")
        .suggest("save it as RGB");
  return Failure{};
}

}  // namespace nnc::runtime
