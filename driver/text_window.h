// A text that a model of data.format = "text" is given, as nnc generate and nnc inspect --activations read it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "driver/trained.h"
#include "runtime/data/alphabet.h"

namespace nnc::driver {

// Whether the run was trained on text, and knows its characters.
bool is_of_text(const Trained& trained);

// The text in the model's numbers; fails, with an error at `flag`, where it is not in the alphabet.
Result<std::vector<int32_t>> numbers_of_text(Session& session, const runtime::Alphabet& alphabet,
                                             const std::string& text, const std::string& flag);

// What fills a window that is longer than the text: a new line, or the first of the alphabet.
int32_t filler_of(const runtime::Alphabet& alphabet);

// A window of `time` numbers with the text, or as much of its end as fits, at its beginning or at its end.
enum class TextAt { begin, end };
std::vector<int32_t> window_of(const runtime::Alphabet& alphabet, std::span<const int32_t> text, int64_t time,
                               TextAt at);

}  // namespace nnc::driver
