// Cairo, loaded when the first picture is drawn: with the libraries below it, it would take longer to load than a
// model takes to compile. Only its headers are needed to build nnc.
#pragma once

#include <cairo-svg.h>
#include <cairo.h>

// clang-format off
#define NNC_CAIRO_FUNCTIONS(X) \
  X(arc) X(clip) X(close_path) \
  X(create) X(destroy) X(fill) \
  X(fill_preserve) X(get_source) X(image_surface_create) \
  X(image_surface_get_data) X(image_surface_get_stride) X(line_to) \
  X(move_to) X(new_path) X(paint) \
  X(pattern_set_extend) X(pattern_set_filter) X(rectangle) X(rel_line_to) \
  X(restore) X(rotate) X(save) X(scale) \
  X(select_font_face) X(set_font_size) X(set_line_join) \
  X(set_line_width) X(set_source_rgba) X(set_source_surface) \
  X(show_text) X(stroke) X(stroke_preserve) \
  X(surface_destroy) X(surface_finish) X(surface_mark_dirty) \
  X(surface_write_to_png_stream) X(svg_surface_create_for_stream) X(text_extents) \
  X(translate)
// clang-format on

namespace nnc::driver {

// cairo().fill is cairo_fill, and so on.
struct Cairo {
#define NNC_CAIRO_MEMBER(name) decltype(&::cairo_##name) name = nullptr;
  NNC_CAIRO_FUNCTIONS(NNC_CAIRO_MEMBER)
#undef NNC_CAIRO_MEMBER
};

// Whether the library is there and has all of these.
bool has_cairo();
// Only where has_cairo().
const Cairo& cairo();

// For Cairo's streams: appends to a std::string.
cairo_status_t append_bytes(void* string, const unsigned char* bytes, unsigned int count);

}  // namespace nnc::driver
