// nnc predict RUN INPUT: what a trained model gives for each row of a data file, as CSV; with --values every output at
// once, for people.
#include <algorithm>
#include <cstdio>

#include "driver/commands.h"
#include "driver/dense.h"
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
  const std::string& wanted = session.options.output;
  if (wanted.empty()) return known.front();
  if (std::find(known.begin(), known.end(), wanted) != known.end()) return wanted;
  const auto near = suggest(wanted, known);
  session.diagnostics
      .error_at(DiagnosticKind::unknown_choice, "--output " + wanted,
                fmt::format("the outputs are {}", fmt::join(known, ", ")))
      .suggest(near ? fmt::format("did you mean {}?", *near) : "");
  return Failure();
}

const Graph& graph_of(const frontend::Model& model, const std::string& output) {
  const Graph* graph = model.module.find("predict." + output);
  NNC_CHECK(graph != nullptr, "the model has no graph for its output " + output);
  return *graph;
}

// Only what the outputs read: a file to predict from has no labels.
std::vector<runtime::ModelColumn> columns_of(const frontend::Model& model,
                                             const std::vector<std::string>& outputs) {
  std::vector<runtime::ModelColumn> columns;
  for (const runtime::ModelColumn& column : model_columns(model))
    if (std::any_of(outputs.begin(), outputs.end(), [&](const std::string& output) {
          return graph_of(model, output).find_input(column.name).valid();
        }))
      columns.push_back(column);
  return columns;
}

// Runs the program of one output on all rows at once, which are the program's batch.
void run_output(runtime::Session& memory, const std::string& output, const runtime::Dataset& data) {
  const EntryPoint* entry = memory.bundle().find("predict." + output);
  NNC_CHECK(entry != nullptr, "an output was not compiled");
  std::vector<runtime::AlignedBytes> columns;
  for (const InputInfo& input : entry->inputs) {
    const runtime::ColumnData* column = data.find(input.name);
    NNC_CHECK(column != nullptr, "a column of an output was not read");
    columns.emplace_back(static_cast<size_t>(data.rows * column->row_bytes()));
    runtime::copy_rows(*column, 0, data.rows, columns.back().data());
  }
  std::vector<const unsigned char*> pointers;
  for (const runtime::AlignedBytes& column : columns) pointers.push_back(column.data());
  memory.run(*entry, pointers.data());
}

// Every output of the model over all rows of INPUT together, in the order of the model, laid out as `nnc run` does.
int show_values(Session& session, Trained& trained) {
  if (!session.options.output.empty()) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "--output " + session.options.output,
                                 "--values prints every output; one of the two is enough");
    return session.leave();
  }
  const std::vector<std::string>& outputs = trained.model.outputs;
  const Result<runtime::Dataset> data =
      runtime::load_rows(trained.run.config, trained.run.fitted, session.options.arguments[1],
                         columns_of(trained.model, outputs), session.diagnostics);
  if (!data) return session.leave();
  trained.loaded.options.batch = data->rows;
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
    run_output(memory, output, *data);
    for (const TensorInfo& tensor : bundle->tensors)
      if (tensor.role == TensorRole::output && tensor.name == output)
        session.console.write(named_tensor_text(output, dense(tensor, memory.state())));
  }
  static_cast<void>(runtime::check_unchanged({&*data}, session.diagnostics));  // leave() reports it
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
  const Result<runtime::Dataset> data =
      runtime::load_rows(trained->run.config, trained->run.fitted, options.arguments[1],
                         columns_of(trained->model, {*output}), session.diagnostics);
  if (!data) return session.leave();
  // No program for the remainder: the runtime fills the last batch up.
  const Result<Bundle> bundle = compile_graphs(session, {graph_of(trained->model, *output)});
  if (!bundle || !check_memory(session, *bundle)) return session.leave();
  runtime::ThreadPool pool(codegen_options(options).threads);
  runtime::Session memory(*bundle, pool);
  if (!load_trained(session, *trained, memory)) return session.leave();
  const Status done = runtime::predict(memory, *output, *data, stdout, session.diagnostics);
  if (!done && Console::reader_gone()) return 0;
  static_cast<void>(runtime::check_unchanged({&*data}, session.diagnostics));  // leave() reports it
  return session.leave();
}

}  // namespace nnc::driver
