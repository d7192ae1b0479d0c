// What a text that is not UTF-8 seems to be written in.
#pragma once

#include <string>
#include <vector>

namespace nnc::runtime {

// A value of data.encoding, "cp949" or "latin1", for bytes that are not UTF-8.
std::string likely_encoding(const std::vector<unsigned char>& bytes);

}  // namespace nnc::runtime
