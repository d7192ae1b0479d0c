// The texts of driver/pages, as the build put them into the program (embed_pages.cpp.in).
#pragma once

#include <span>
#include <string_view>

namespace nnc::driver {

struct PagePart {
  std::string_view name;  // "page.css"
  std::string_view text;
};
std::span<const PagePart> page_parts();

}  // namespace nnc::driver
