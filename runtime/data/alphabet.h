// Text as whole numbers, a character or a byte each.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nnc::runtime {

// The characters (code points) of a text that is UTF-8.
std::vector<std::string_view> characters_of(std::string_view text);
// Those that occur, by code point.
std::vector<std::string> distinct_characters(std::string_view text);

// Which number stands for which character. Without characters of its own: bytes, which stand for themselves.
class Alphabet {
 public:
  explicit Alphabet(const std::vector<std::string>& characters);

  bool is_bytes() const { return characters_.empty(); }
  int64_t size() const { return is_bytes() ? 256 : static_cast<int64_t>(characters_.size()); }
  // The pieces of a text that have a number each.
  std::vector<std::string_view> pieces(std::string_view text) const;
  int32_t number(std::string_view piece) const;  // -1: not in the alphabet
  std::string piece(int32_t number) const;

 private:
  std::vector<std::string> characters_;
  std::map<std::string, int32_t, std::less<>> numbers_;
};

// A piece as messages show it: 'x', '\n', byte 0xE9.
std::string quoted_piece(std::string_view piece);

}  // namespace nnc::runtime
