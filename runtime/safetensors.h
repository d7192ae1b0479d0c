// The safetensors format: 8 bytes of header length, a JSON header, the tensors' bytes without gaps.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/checkpoint.h"

namespace nnc::runtime {

// "F32" for f32 …
std::string_view safetensors_name(ElementType type);

// The file's bytes. Tensors are written in their order; the header is padded so that their bytes start at a
// multiple of 8.
std::vector<unsigned char> encode_safetensors(const Checkpoint& checkpoint);

}  // namespace nnc::runtime
