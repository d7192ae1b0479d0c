// nnc predict RUN [INPUT]: what a trained model gives for each row of a data file, as CSV or JSON; with --values every
// output at once, for people.
#include <algorithm>
#include <cstdio>

#include "driver/commands/commands.h"
#include "driver/dense.h"
#include "driver/input_rows.h"
#include "driver/output_file.h"
#include "driver/tensor_text.h"
#include "driver/trained.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

Result<std::string> choose_output(Session& session, const frontend::Model& model) {
  const std::vector<std::string>& known = model.outputs;
  if (known.empty()) {
    session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, model.name, "the model has no output")
        .suggest("output probability(x) = softmax(forward(x))");
    return Failure();
  }
  if (!has_wanted_output(session, model)) return Failure();
  return session.options.output.empty() ? known.front() : session.options.output;
}

const Graph& graph_of(const frontend::Model& model, const std::string& output) {
  const Graph* graph = model.module.find("predict." + output);
  NNC_CHECK(graph != nullptr, "the model has no graph for its output " + output);
  return *graph;
}

// The classes that the numbers of a row of this output belong to: of the model's first output with as many floats a row as
// its label has classes. Their names, or their numbers; empty for other outputs.
std::vector<std::string> classes_of(const Trained& trained, const std::string& wanted) {
  for (const std::string& output : trained.model.outputs) {
    const Graph& graph = graph_of(trained.model, output);
    const TensorType& type = graph.type(graph.outputs.front().value);
    const bool learned = std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
      const auto* input = std::get_if<InputAttrs>(&node.attrs);
      return input != nullptr && input->role == Role::param;
    });
    if (!learned || type.dtype != DType::f32 || type.shape.size() != 2) continue;
    const int64_t width = type.shape[1];
    for (const runtime::ModelColumn& column : model_columns(trained.model)) {
      if (graph.find_input(column.name).valid()) continue;
      const runtime::FittedInput* fitted = trained.run.fitted.find(column.name);
      const std::vector<std::string> names =
          fitted == nullptr ? std::vector<std::string>() : fitted->categories;
      const bool named = static_cast<int64_t>(names.size()) == width;
      const bool number = column.dtype == DType::i32 && column.shape.empty();
      const bool one_hot = named && column.shape == std::vector<int64_t>{width};
      if (!one_hot && !(number && (named || column.classes == width))) continue;
      if (output != wanted) return {};
      if (named) return names;
      const auto spec = trained.run.config.inputs.find(column.name);
      const int64_t first = spec == trained.run.config.inputs.end() ? 0 : spec->second.first;
      std::vector<std::string> numbers;
      for (int64_t k = 0; k < width; ++k) numbers.push_back(std::to_string(k + first));
      return numbers;
    }
  }
  return {};
}

// The rows of INPUT; none, and no INPUT, for outputs that depend on no data.
Result<runtime::Dataset> read_rows(Session& session, const Trained& trained,
                                   const std::vector<std::string>& outputs) {
  const bool given = session.options.arguments.size() > 1;
  std::vector<const Graph*> graphs;
  for (const std::string& output : outputs) graphs.push_back(&graph_of(trained.model, output));
  const std::vector<runtime::ModelColumn> columns = columns_read(trained.model, graphs);
  const auto fail = [&](DiagnosticKind kind, const std::string& where, std::string message) -> Diagnostic& {
    return session.diagnostics.error_at(kind, where, std::move(message));
  };
  if (columns.empty()) {
    if (!given && session.options.kept.empty()) return runtime::Dataset{};
    fail(DiagnosticKind::bad_flag, given ? session.options.arguments[1] : "--keep " + session.options.kept[0],
         trained.model.columns.empty()
             ? fmt::format("{} takes no data", trained.model.name)
             : fmt::format("{} does not depend on the data", fmt::join(outputs, ", ")))
        .suggest(fmt::format("nnc predict {}{}", session.options.arguments[0],
                             session.options.output.empty() ? "" : " --output " + session.options.output));
    return Failure();
  }
  if (!given) {
    fail(DiagnosticKind::bad_flag, "nnc",
         fmt::format("nnc predict needs RUN INPUT: {} takes {}", trained.model.name,
                     trained.model.columns.front().name))
        .suggest("for example nnc predict examples/digits/digits.toml new.csv");
    return Failure();
  }
  return runtime::load_rows(trained.run.config, trained.run.fitted, session.options.arguments[1], columns,
                            session.diagnostics, session.options.kept);
}

// Every output of the model over all rows of INPUT together, in the order of the model, laid out as `nnc run` does.
int show_values(Session& session, Trained& trained) {
  const Options& options = session.options;
  const auto refuse = [&](const std::string& flag, std::string message) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, flag, std::move(message));
    return session.leave();
  };
  if (!options.output.empty()) return refuse("--output " + options.output, "--values prints every output");
  if (options.json) return refuse("--json", "--values prints text; leave it out for JSON");
  if (!options.kept.empty()) return refuse("--keep " + options.kept[0], "--values prints tensors, not rows");
  if (!options.written.empty()) return refuse("-o " + options.written, "--values goes to standard output");
  const std::vector<std::string>& outputs = trained.model.outputs;
  const Result<runtime::Dataset> data = read_rows(session, trained, outputs);
  if (!data) return session.leave();
  if (data->rows > 0) trained.loaded.options.batch = data->rows;
  const Result<frontend::Model> model = build(session, trained.loaded);
  if (!model) return session.leave();
  std::vector<Graph> graphs;
  for (const std::string& output : outputs) graphs.push_back(graph_of(*model, output));
  const Result<Bundle> bundle = compile_graphs(session, graphs);
  if (!bundle || !check_memory(session, *bundle)) return session.leave();
  runtime::ThreadPool pool(codegen_options(session.options).threads);
  runtime::Session memory(*bundle, pool);
  if (!load_trained(session, trained, memory)) return session.leave();
  for (const std::string& output : outputs) {
    run_rows(memory, "predict." + output, *data, 0, data->rows);
    for (const TensorInfo& tensor : bundle->tensors)
      if (tensor.role == TensorRole::output && tensor.name == output)
        session.console.write(named_tensor_text(output, dense(tensor, memory.state())));
  }
  static_cast<void>(runtime::check_unchanged({&*data}, session.diagnostics));  // leave() reports it
  return session.leave();
}

// Writes -o FILE completely or not at all; a pipe or a device (/dev/null) is written to directly.
int write_to_file(Session& session, runtime::Session& memory, const std::string& output,
                  const runtime::Dataset& data, const runtime::PredictionForm& form) {
  OutputFile to;
  if (to.open(form.where, session.diagnostics) &&
      runtime::predict(memory, output, data, to.file(), session.diagnostics, form) &&
      runtime::check_unchanged({&data}, session.diagnostics))
    static_cast<void>(to.finish(session.diagnostics));  // leave() reports it
  return session.leave();
}

}  // namespace

int predict(const Options& options, Console& console) {
  Session session(options, console);
  Result<Trained> trained = open_trained(session, options.arguments[0]);
  if (!trained) return session.leave();
  const Result<std::string> output = choose_output(session, trained->model);
  if (!output) return session.leave();
  if (options.values) return show_values(session, *trained);
  const Result<runtime::Dataset> data = read_rows(session, *trained, {*output});
  if (!data) return session.leave();
  // No program for the remainder: the runtime fills the last batch up.
  const Result<Bundle> bundle = compile_graphs(session, {graph_of(trained->model, *output)});
  if (!bundle || !check_memory(session, *bundle)) return session.leave();
  runtime::ThreadPool pool(codegen_options(options).threads);
  runtime::Session memory(*bundle, pool);
  if (!load_trained(session, *trained, memory)) return session.leave();
  const runtime::PredictionForm form{options.json, classes_of(*trained, *output),
                                     options.written.empty() ? "standard output" : options.written};
  if (!options.written.empty()) return write_to_file(session, memory, *output, *data, form);
  const Status done = runtime::predict(memory, *output, *data, stdout, session.diagnostics, form);
  if (!done && Console::reader_gone()) return 0;
  static_cast<void>(runtime::check_unchanged({&*data}, session.diagnostics));  // leave() reports it
  return session.leave();
}

}  // namespace nnc::driver
