// See alphabet.h.
#include "runtime/data/alphabet.h"

#include <set>

#include "fmt/format.h"

namespace nnc::runtime {
namespace {

// How many bytes a character has, by its first.
size_t length_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  characters.reserve(text.size());
  while (!text.empty()) {
    characters.push_back(text.substr(0, length_of(text[0])));
    text.remove_prefix(characters.back().size());
  }
  return characters;
}

std::vector<std::string> distinct_characters(std::string_view text) {
  // The order of UTF-8's bytes is that of the code points.
  std::set<std::string, std::less<>> seen;
  for (const std::string_view character : characters_of(text))
    if (!seen.contains(character)) seen.emplace(character);
  return {seen.begin(), seen.end()};
}

Alphabet::Alphabet(const std::vector<std::string>& characters) : characters_(characters) {
  for (size_t i = 0; i < characters_.size(); ++i) numbers_.emplace(characters_[i], static_cast<int32_t>(i));
}

std::vector<std::string_view> Alphabet::pieces(std::string_view text) const {
  if (!is_bytes()) return characters_of(text);
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  return bytes;
}

int32_t Alphabet::number(std::string_view piece) const {
  if (is_bytes()) return piece.size() == 1 ? static_cast<unsigned char>(piece[0]) : -1;
  const auto found = numbers_.find(piece);
  return found == numbers_.end() ? -1 : found->second;
}

std::string Alphabet::piece(int32_t number) const {
  if (is_bytes()) return {static_cast<char>(number)};
  return characters_[static_cast<size_t>(number)];
}

std::string quoted_piece(std::string_view piece) {
  if (piece == "\n") return "'\\n'";
  if (piece == "\t") return "'\\t'";
  if (piece == "\r") return "'\\r'";
  if (piece.size() == 1 && (piece[0] < ' ' || piece[0] == 0x7F))
    return fmt::format("byte 0x{:02X}", static_cast<unsigned char>(piece[0]));
  return fmt::format("'{}'", piece);
}

}  // namespace nnc::runtime
