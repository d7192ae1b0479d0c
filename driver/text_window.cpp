// Numbers of characters, and windows of them.
#include "driver/text_window.h"

#include <algorithm>

#include "runtime/file.h"

namespace nnc::driver {

bool is_of_text(const Trained& trained) {
  return trained.run.config.data.format == "text" && !trained.run.fitted.inputs.empty();
}

Result<std::vector<int32_t>> numbers_of_text(Session& session, const runtime::Alphabet& alphabet,
                                             const std::string& text, const std::string& flag) {
  std::vector<int32_t> numbers;
  if (!alphabet.is_bytes() && runtime::find_invalid_utf8(text) != std::string::npos) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, flag, "is not UTF-8");
    return Failure();
  }
  for (const std::string_view piece : alphabet.pieces(text)) {
    numbers.push_back(alphabet.number(piece));
    if (numbers.back() >= 0) continue;
    session.diagnostics.error_at(DiagnosticKind::bad_flag, flag,
                                 fmt::format("{} does not occur in the text that the model was trained on",
                                             runtime::quoted_piece(piece)));
    return Failure();
  }
  return numbers;
}

int32_t filler_of(const runtime::Alphabet& alphabet) {
  return std::max(0, alphabet.number("\n"));
}

std::vector<int32_t> window_of(const runtime::Alphabet& alphabet, std::span<const int32_t> text, int64_t time,
                               TextAt at) {
  const size_t size = static_cast<size_t>(time), have = std::min(size, text.size());
  std::vector<int32_t> window(size, filler_of(alphabet));
  std::ranges::copy(text.last(have),
                    window.begin() + static_cast<std::ptrdiff_t>(at == TextAt::begin ? 0 : size - have));
  return window;
}

}  // namespace nnc::driver
