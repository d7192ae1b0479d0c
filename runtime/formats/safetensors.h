// The safetensors format: 8 bytes of header length, a JSON header, the tensors' bytes without gaps.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/store/checkpoint.h"

namespace nnc::runtime {

// "F32" for f32 …
std::string safetensors_name(DType dtype);
std::optional<DType> parse_safetensors_name(std::string_view name);

// The file's bytes. Tensors are written in their order; the header is padded so that their bytes start at a
// multiple of 8.
std::vector<unsigned char> encode_safetensors(const Checkpoint& checkpoint);

// What a run's checkpoint holds under this key of its metadata: a hash of everything else in it, so that a bit that
// changed on the disk is noticed. Found by parse_checkpoint; a file without it is taken as it is.
constexpr const char* kChecksum = "checksum";
std::string checksum(const Checkpoint& checkpoint);

}  // namespace nnc::runtime
