// The pages nnc writes: one HTML file each, with its data, style and scripts inside, that asks nothing of any
// network (its content security policy forbids it). The parts are files of this folder, embedded at build.
#pragma once

#include <string>
#include <string_view>

namespace nnc::driver {

// `kind` names the page's own parts ("paths" for paths.html, paths.css, paths.js); `json` is what its script
// reads. A live page may fetch from the address that served it.
std::string page(std::string_view kind, std::string_view title, std::string_view json, bool live = false);

}  // namespace nnc::driver
