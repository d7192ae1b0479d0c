// What the printers of kernels and of programs share: how a name, a number, a type is spelled.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/kernel/kernel.h"

namespace nnc::kernel {

// A name that could be taken for a word of the language, or for something else, is written in quotes. After an @
// there are no words.
std::string name_text(std::string_view name, bool after_at = false);
std::string number_text(DType dtype, double value);    // the shortest that reads back
std::string constant_text(DType dtype, double value);  // with its type, unless that is f32
std::string bracketed(const TensorType& type);         // "f32[2,3]", "f32[]"
std::string layout_text(const Layout& layout);         // " order [1,0] pitch 16"; "" of the default

// A kernel's text, and the source of each of its lines.
std::string print(const Kernel& kernel, std::vector<std::vector<Span>>& lines);

}  // namespace nnc::kernel
