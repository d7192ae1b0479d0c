// nnc predict RUN INPUT: what a trained model gives for each row of a data file, as CSV.
#include <algorithm>
#include <cstdio>

#include "driver/commands.h"
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

// Only what the output reads: a file to predict from has no labels.
std::vector<runtime::ModelColumn> columns_of(const frontend::Model& model, const Graph& graph) {
  std::vector<runtime::ModelColumn> columns;
  for (const runtime::ModelColumn& column : model_columns(model))
    if (graph.find_input(column.name).valid()) columns.push_back(column);
  return columns;
}

}  // namespace

int predict(const Options& options, Console& console) {
  Session session(options, console);
  Result<Trained> trained = open_trained(session, options.arguments[0]);
  if (!trained) return session.leave();
  const Result<std::string> output = choose_output(session, trained->model);
  if (!output) return session.leave();
  const Graph* graph = trained->model.module.find("predict." + *output);
  NNC_CHECK(graph != nullptr, "the model has no graph for its output " + *output);
  const Result<runtime::Dataset> data =
      runtime::load_rows(trained->run.config, trained->run.fitted, options.arguments[1],
                         columns_of(trained->model, *graph), session.diagnostics);
  if (!data) return session.leave();
  // No program for the remainder: the runtime fills the last batch up.
  const Result<Bundle> bundle = compile_graphs(session, {*graph});
  if (!bundle || !check_memory(session, *bundle)) return session.leave();
  runtime::ThreadPool pool(codegen_options(options).threads);
  runtime::Session memory(*bundle, pool);
  if (!load_trained(session, *trained, memory)) return session.leave();
  const Status done = runtime::predict(memory, *output, *data, stdout, session.diagnostics);
  if (!done && Console::reader_gone()) return 0;
  return session.leave();
}

}  // namespace nnc::driver
