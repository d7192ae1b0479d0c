// Builds the graph, runs it on one row, and cuts off what lies behind a text.
#include "driver/activations.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "driver/dense.h"
#include "driver/input_rows.h"
#include "driver/programs.h"
#include "driver/text_window.h"

namespace nnc::driver {
namespace {

// The values of the model on one row of the data.
Result<std::vector<Activation>> run(Session& session, const Trained& trained, const ActivationModel& model,
                                    const runtime::Dataset& data, int64_t row) {
  const Result<Bundle> bundle = compile_graphs(session, {model.built.graph});
  if (!bundle || !check_memory(session, *bundle)) return Failure();
  runtime::ThreadPool pool(codegen_options(session.options).threads);
  runtime::Session memory(*bundle, pool);
  if (!load_trained(session, trained, memory)) return Failure();
  run_rows(memory, model.built.graph.name, data, row, 1);
  std::vector<Activation> values;
  for (const frontend::Activations::Value& value : model.built.values)
    for (const TensorInfo& tensor : bundle->tensors) {
      if (tensor.role != TensorRole::output || tensor.name != value.output) continue;
      const DenseTensor numbers = dense(tensor, memory.state());
      values.push_back({value.name,
                        value.kind,
                        {value.shape.begin(), value.shape.end()},
                        {numbers.data.begin(), numbers.data.end()},
                        value.along});
    }
  return values;
}

// The numbers up to place `count` of one axis.
void cut(Activation& value, size_t axis, int64_t count) {
  int64_t outer = 1, inner = 1;
  for (size_t i = 0; i < axis; ++i) outer *= value.shape[i];
  for (size_t i = axis + 1; i < value.shape.size(); ++i) inner *= value.shape[i];
  std::vector<float> kept;
  for (int64_t o = 0; o < outer; ++o) {
    const auto begin = value.numbers.begin() + o * value.shape[axis] * inner;
    kept.insert(kept.end(), begin, begin + count * inner);
  }
  value.numbers = std::move(kept);
  value.shape[axis] = count;
}

std::string shown_piece(std::string piece) {
  if (piece == "\n") return "↵";
  if (piece == " ") return "·";
  if (piece.size() == 1 && (static_cast<unsigned char>(piece[0]) < 32 || piece[0] < 0))
    return fmt::format("{:02X}", static_cast<unsigned char>(piece[0]));
  return piece;
}

// The words of a row: of the column that is a text, if there is one. In a table's text 0 fills up, and is no word.
std::vector<std::string> words_of(const Trained& trained, const ActivationModel& model,
                                  const runtime::Dataset& data, int64_t row) {
  for (const runtime::ModelColumn& wanted : model.columns) {
    const auto spec = trained.run.config.inputs.find(wanted.name);
    const bool field = spec != trained.run.config.inputs.end() && !spec->second.text.empty();
    const runtime::FittedInput* fitted = field                 ? trained.run.fitted.find(wanted.name)
                                         : is_of_text(trained) ? &trained.run.fitted.inputs.front()
                                                               : nullptr;
    const runtime::ColumnData* column = data.find(wanted.name);
    if (fitted == nullptr || column == nullptr || wanted.dtype != DType::i32 || wanted.shape.size() != 1)
      continue;
    std::vector<int32_t> numbers(static_cast<size_t>(column->row_elements));
    runtime::copy_rows(*column, row, 1, reinterpret_cast<unsigned char*>(numbers.data()));
    const runtime::Alphabet alphabet(fitted->categories);
    std::vector<std::string> words;
    for (const int32_t number : numbers)
      words.push_back(field && number == 0 ? "" : shown_piece(alphabet.piece(number - (field ? 1 : 0))));
    return words;
  }
  return {};
}

}  // namespace

bool Activation::is_attention() const {
  const size_t rank = shape.size();
  if (kind != ActivationKind::shares || rank < 2) return false;
  return rank > 2 || shape[0] == shape[1];
}

Summary summary_of(const Activation& value) {
  Summary s;
  double sum = 0;
  size_t count = 0, zeros = 0;
  for (const float x : value.numbers) {
    zeros += x == 0 ? 1 : 0;
    if (!std::isfinite(x)) continue;
    s.low = count == 0 ? x : std::min<double>(s.low, x);
    s.high = count == 0 ? x : std::max<double>(s.high, x);
    sum += x;
    ++count;
  }
  s.mean = sum / static_cast<double>(count);
  if (count == 0) s.low = s.high = s.mean;
  s.not_finite = value.numbers.size() - count;
  s.zeros = static_cast<double>(zeros) / static_cast<double>(std::max<size_t>(1, value.numbers.size()));
  return s;
}

Result<ActivationModel> build_activation_model(Session& session, const Trained& trained) {
  Result<frontend::Activations> built = frontend::build_activations(
      trained.loaded.tree, session.sources, trained.loaded.options, session.diagnostics);
  if (!built) return Failure();
  const Graph* const graph = &built->graph;
  std::vector<runtime::ModelColumn> columns = columns_read(trained.model, {&graph, 1});
  return ActivationModel{std::move(*built), std::move(columns)};
}

void keep_values(ActivationModel& model,
                 const std::function<bool(const frontend::Activations::Value&)>& wanted) {
  std::vector<frontend::Activations::Value>& values = model.built.values;
  std::erase_if(values, [&](const auto& value) { return !wanted(value); });
  std::erase_if(model.built.graph.outputs, [&](const Output& output) {
    return std::ranges::find(values, output.name, &frontend::Activations::Value::output) == values.end();
  });
}

Result<Activations> activations_of_row(Session& session, const Trained& trained, const ActivationModel& model,
                                       const runtime::Dataset& data, int64_t row) {
  Result<std::vector<Activation>> values = run(session, trained, model, data, row);
  if (!values) return Failure();
  return Activations{std::move(*values), words_of(trained, model, data, row)};
}

Result<Activations> activations_of_text(Session& session, const Trained& trained,
                                        const ActivationModel& model, const std::string& text,
                                        const std::string& flag) {
  if (model.columns.size() != 1 || model.columns[0].dtype != DType::i32 ||
      model.columns[0].shape.size() != 1) {
    session.diagnostics.error_at(
        DiagnosticKind::wrong_file_kind, flag,
        fmt::format("{} does not read a window of a text alone", trained.model.name));
    return Failure();
  }
  const runtime::Alphabet alphabet(trained.run.fitted.inputs.front().categories);
  const Result<std::vector<int32_t>> numbers = numbers_of_text(session, alphabet, text, flag);
  if (!numbers) return Failure();
  if (numbers->empty()) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, flag, "the text is empty")
        .suggest("--activations 'To be'");
    return Failure();
  }
  const int64_t time = model.columns[0].shape[0];
  const auto count = static_cast<int64_t>(numbers->size()), seen = std::min(time, count);
  if (count > time)
    session.console.say("the last {} of {} characters are read: more the model does not take\n", time, count);
  const std::vector<int32_t> window = window_of(alphabet, *numbers, time, TextAt::begin);
  runtime::Dataset data;
  data.rows = 1;
  data.columns.push_back({.column = model.columns[0], .row_elements = time});
  data.columns[0].borrowed = reinterpret_cast<const unsigned char*>(window.data());
  Result<std::vector<Activation>> values = run(session, trained, model, data, 0);
  if (!values) return Failure();
  Activations out{std::move(*values), words_of(trained, model, data, 0)};
  out.words.resize(static_cast<size_t>(seen));
  std::vector<std::string> without;
  for (Activation& value : out.values) {
    for (const size_t axis : value.along) cut(value, axis, seen);
    if (value.along.empty() && seen < time) without.push_back(value.name);
  }
  std::erase_if(out.values, [&](const Activation& value) { return value.along.empty() && seen < time; });
  if (!without.empty())
    session.console.say("{} left out: computed of {} characters, and the text has {}\n",
                        fmt::join(without, ", "), time, seen);
  return out;
}

}  // namespace nnc::driver
