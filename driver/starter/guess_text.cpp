// A text: a model that predicts its next character, and how it is trained; see guess.h.
#include <algorithm>

#include "driver/report.h"
#include "driver/starter/guess.h"
#include "fmt/format.h"
#include "runtime/data/alphabet.h"
#include "runtime/file.h"
#include "runtime/run_file/settings.h"

namespace nnc::driver {
namespace {

using runtime::quote;

constexpr int64_t kTime = 64;
constexpr uint64_t kMostText = uint64_t{1} << 32;  // bytes

std::string model_text(const StarterPlace& place) {
  return fmt::format(
      "# {0}.nn — the next character of a text, as nnc init wrote it.\n#\n#   nnc train {0}.toml\n#   nnc "
      "generate {0}.toml\n\n"
      "model {2}_net(vocab: int, time: int = {1}, dim: int = 64, hidden: int = 192) {{\n"
      "  embed = embedding(vocab, dim)\n  rnn = lstm(dim, hidden)\n  head = linear(hidden, vocab)\n\n"
      "  fn forward(tokens: i32[batch, time]) -> f32[batch, time, vocab] = tokens |> embed |> rnn |> head\n\n"
      "  loss(tokens, target: i32[batch, time]) = cross_entropy(forward(tokens), target)\n\n"
      "  # Of how many characters the model is, on average, undecided.\n"
      "  metric perplexity(tokens, target) = exp(loss(tokens, target))\n\n"
      "  output next(tokens) = softmax(forward(tokens))\n}}\n",
      place.name, kTime, place.word);
}

std::string run_file_text(const StarterPlace& place, const std::string& path, int64_t steps) {
  return fmt::format(
      "# {0}.toml — how {0}.nn is trained.\nmodel = {1}\n\n"
      "# Windows of {2} characters; the last tenth of the text validates.\n"
      "data = {{ format = \"text\", train = {3}, split = {{ validation = 0.1 }} }}\n"
      "args = {{ vocab = \"auto\" }}  # as many as there are different characters\n\n"
      "[train]\nbatch = {4}\nsteps = {5}\noptimizer = \"adam(lr = 0.004)\"\n"
      "schedule = {{ kind = \"cosine\", to = 0.0004 }}\nclip_norm = 1.0\n",
      place.name, quote(place.name + ".nn"), kTime, quote(place.seen_from_here(path)), kStarterBatch, steps);
}

}  // namespace

Result<Starter> guess_text(const std::string& path, const StarterPlace& place, Diagnostics& diagnostics) {
  Result<std::vector<unsigned char>> bytes =
      runtime::read_file(path, true, kMostText, DiagnosticKind::data_unreadable, diagnostics);
  if (!bytes) return Failure{};
  const Result<std::string> text = runtime::decode_text(path, *std::move(bytes), "utf-8", diagnostics);
  if (!text) return Failure{};
  const auto count = static_cast<int64_t>(runtime::characters_of(*text).size());
  const auto different = static_cast<int64_t>(runtime::distinct_characters(*text).size());
  // What a tenth of it needs for a window to validate on.
  if (count < 10 * (kTime + 1)) {
    diagnostics.error_at(DiagnosticKind::data_columns, path,
                         fmt::format("has {} characters; at least {} are needed", count, 10 * (kTime + 1)));
    return Failure{};
  }
  if (different < 2) {
    diagnostics.error_at(DiagnosticKind::data_columns, path,
                         "is one character again and again: there is nothing to predict");
    return Failure{};
  }
  const int64_t rows = count * 9 / 10 / kTime;
  const int64_t steps = std::clamp<int64_t>(30 * rows / kStarterBatch, 300, 3000);
  Starter starter;
  starter.model = model_text(place);
  starter.run_file = run_file_text(place, path, steps);
  starter.told =
      fmt::format("{}: {} characters, {} different\n  windows of {} characters; the last tenth validates\n",
                  path, count_text(count), different, kTime);
  return starter;
}

}  // namespace nnc::driver
