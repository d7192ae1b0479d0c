// Tensors for people, laid out as NumPy does: aligned columns, one bracket per axis, the middle of a large
// one left out. The text is an expression of the language, so that a printed tensor can be pasted into a
// model.
#pragma once

#include <string>
#include <string_view>

#include "ir/ops/op.h"

namespace nnc::driver {

// One number: up to six significant digits, "nan" and "inf" as such.
std::string number_text(double value, DType dtype);

// The elements, without name and type. Lines after the first start with `indent` spaces.
std::string tensor_text(const DenseTensor& tensor, size_t indent = 0);

// `name: f32[2, 3] = …` and a newline; the elements stand on the same line where they fit.
std::string named_tensor_text(std::string_view name, const DenseTensor& tensor);

}  // namespace nnc::driver
