// nnc generate RUN: text that a model of data.format = "text" writes, a character at a time: each is drawn from what an output
// of the model says of the next one, and then read with the others.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "driver/commands/commands.h"
#include "driver/text_window.h"
#include "support/philox.h"

namespace nnc::driver {
namespace {

// Sets the draws apart from all others that are made with the seed ("generate" in ASCII).
constexpr uint64_t kStream = 0x67656E6572617465ULL;

// An output that says what comes next: [batch, numbers], after the last place, or [batch, time, numbers], after each.
struct NextOutput {
  std::string name;
  const Graph* graph = nullptr;
  std::string column;  // the window that it reads
  int64_t time = 0;
  bool at_each_place = false;
};

// Of the model's outputs the one wanted, or the first that serves; of these one that speaks of each place.
Result<NextOutput> find_output(Session& session, const frontend::Model& model, int64_t numbers) {
  std::optional<NextOutput> found;
  for (const std::string& name : model.outputs) {
    if (!session.options.output.empty() && session.options.output != name) continue;
    const Graph* graph = model.module.find("predict." + name);
    const TensorType& type = graph->type(graph->outputs.front().value);
    const bool each = type.rank() == 3;
    if (type.dtype != DType::f32 || (type.rank() != 2 && !each) || type.shape.back() != numbers) continue;
    for (const NodeId input : graph->inputs) {
      const auto& attrs = std::get<InputAttrs>(graph->nodes[input].attrs);
      const TensorType& window = graph->nodes[input].types[0];
      if (attrs.role != Role::input || window.dtype != DType::i32 || window.rank() != 2) continue;
      if (each && type.shape[1] != window.shape[1]) continue;
      if (!found || (each && !found->at_each_place))
        found = NextOutput{name, graph, attrs.name, window.shape[1], each};
    }
  }
  if (found) return *found;
  if (!has_wanted_output(session, model)) return Failure();
  session.diagnostics
      .error_at(DiagnosticKind::unknown_choice,
                session.options.output.empty() ? model.name : "--output " + session.options.output,
                fmt::format("no output says which of {} numbers comes next", numbers))
      .suggest("output next(tokens) = softmax(forward(tokens)[:, -1])");
  return Failure();
}

// Draws one of the numbers by what the model says of them: probabilities, or scores that a softmax would make such.
class Sampler {
 public:
  Sampler(const Options& options, uint64_t seed) : options_(options), seed_(seed) {}

  int32_t draw(std::span<const float> said, uint64_t place) {
    weights(said);
    const auto words = philox_block(seed_ ^ kStream, place, 0);
    double left =
        static_cast<double>(words[0]) * 0x1p-32 * std::accumulate(weights_.begin(), weights_.end(), 0.0);
    for (const size_t k : order_) {
      left -= weights_[k];
      if (left < 0) return static_cast<int32_t>(k);
    }
    return static_cast<int32_t>(order_.front());
  }

 private:
  void weights(std::span<const float> said) {
    double sum = 0;
    bool negative = false;
    for (const float x : said) sum += x, negative = negative || x < 0;
    const bool probabilities = !negative && std::abs(sum - 1) < 1e-3;
    std::vector<double> logs;
    for (const float x : said)
      logs.push_back(probabilities ? std::log(static_cast<double>(x)) : static_cast<double>(x));
    order_.resize(said.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::ranges::stable_sort(order_, [&](size_t a, size_t b) { return logs[a] > logs[b]; });
    if (options_.top_k > 0 && static_cast<size_t>(options_.top_k) < order_.size())
      order_.resize(static_cast<size_t>(options_.top_k));
    if (options_.temperature == 0) order_.resize(1);
    weights_.assign(said.size(), 0);
    const double top = logs[order_.front()];
    for (const size_t k : order_)
      weights_[k] = options_.temperature == 0 ? 1 : std::exp((logs[k] - top) / options_.temperature);
  }

  const Options& options_;
  const uint64_t seed_;
  std::vector<double> weights_;
  std::vector<size_t> order_;  // of those that may be drawn, the likeliest first
};

}  // namespace

int generate(const Options& options, Console& console) {
  Session session(options, console);
  Result<Trained> trained = open_trained(session, options.arguments[0]);
  if (!trained) return session.leave();
  if (!is_of_text(*trained)) {
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, options.arguments[0],
                  "the run was not trained on text: data.format = \"text\"")
        .suggest(fmt::format("nnc predict {} INPUT", options.arguments[0]));
    return session.leave();
  }
  const runtime::Alphabet alphabet(trained->run.fitted.inputs.front().categories);
  Result<std::vector<int32_t>> text = numbers_of_text(session, alphabet, options.prompt, "--prompt");
  if (!text) return session.leave();
  trained->loaded.options.batch = 1;
  const Result<frontend::Model> model = build(session, trained->loaded);
  if (!model) return session.leave();
  const Result<NextOutput> next = find_output(session, *model, alphabet.size());
  if (!next) return session.leave();
  const Result<Bundle> bundle = compile_graphs(session, {*next->graph});
  if (!bundle || !check_memory(session, *bundle)) return session.leave();
  runtime::ThreadPool pool(codegen_options(options).threads);
  runtime::Session memory(*bundle, pool);
  if (!load_trained(session, *trained, memory)) return session.leave();
  const EntryPoint* entry = memory.bundle().find("predict." + next->name);
  NNC_CHECK(entry != nullptr && entry->inputs.size() == 1, "an output reads its window");
  const TensorInfo* said = nullptr;
  for (const TensorInfo& tensor : bundle->tensors)
    if (tensor.role == TensorRole::output && tensor.name == next->name) said = &tensor;
  NNC_CHECK(said != nullptr, "an output has its memory");

  if (text->empty()) text->push_back(filler_of(alphabet));
  Sampler sampler(options, options.seed.value_or(trained->run.config.seed));
  std::vector<float> values(static_cast<size_t>(element_count(said->shape)));
  console.write(options.prompt);
  for (int64_t written = 0; written < options.length; ++written) {
    const size_t have = std::min(static_cast<size_t>(next->time), text->size());
    // Where the model speaks of the last place only, new lines stand before a text that is shorter than the window.
    const std::vector<int32_t> window =
        window_of(alphabet, *text, next->time, next->at_each_place ? TextAt::begin : TextAt::end);
    const auto* rows = reinterpret_cast<const unsigned char*>(window.data());
    memory.run(*entry, &rows);
    runtime::each_element(*said, [&](int64_t i, int64_t offset) {
      std::memcpy(&values[static_cast<size_t>(i)], memory.state() + said->offset + offset * 4, 4);
    });
    const auto numbers = static_cast<size_t>(alphabet.size());
    const size_t place = next->at_each_place ? have - 1 : 0;
    text->push_back(
        sampler.draw(std::span(values).subspan(place * numbers, numbers), static_cast<uint64_t>(written)));
    console.write(alphabet.piece(text->back()));
    if (Console::reader_gone()) return 0;
  }
  if (text->empty() || alphabet.piece(text->back()) != "\n") console.write("\n");
  return session.leave();
}

}  // namespace nnc::driver
