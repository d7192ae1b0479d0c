// nnc explain FILE: the loss and its gradients as mathematics. With --check what is printed is read back, computed, and compared
// with the reference interpreter in double and with machine code; with --values it is computed and shown.
#include <cmath>

#include "driver/commands/commands.h"
#include "driver/dense.h"
#include "driver/drawn_inputs.h"
#include "driver/explain_report.h"
#include "driver/programs.h"
#include "explain/check.h"
#include "explain/explanation.h"
#include "passes/pass.h"
#include "runtime/data/arrays.h"

namespace nnc::driver {
namespace {

// In double the text and the graph differ by rounding only; the compiled gradient is computed in f32, whose rounding a step adds
// up. Both as explain::difference() has it. Where the derivatives are sensitive, as through a batch norm of two rows, f32 may be off
// by so many times what one rounding of the inputs changes.
constexpr double kMostInDouble = 1e-10;
constexpr double kMostInFloat = 1e-4;
constexpr double kRoundings = 256;
// Of numbers that cancel, f32 leaves more: differences count relative to a tenth of the largest derivative at least.
constexpr double kLeastInFloat = 100;  // of least_scale()

// The flags that each ask for another answer.
Status check_flags(Session& session) {
  const Options& o = session.options;
  const std::pair<bool, std::string_view> asked[] = {{o.latex, "--latex"},
                                                     {o.mathml, "--mathml"},
                                                     {o.values, "--values"},
                                                     {o.check, "--check"},
                                                     {o.json, "--json"}};
  std::string_view first;
  for (const auto& [is_asked, flag] : asked) {
    if (!is_asked) continue;
    if (!first.empty()) {
      session.diagnostics.error_at(DiagnosticKind::bad_flag, std::string(flag),
                                   fmt::format("{} and {} are two answers; ask for one", first, flag));
      return Failure();
    }
    first = flag;
  }
  return Done();
}

// The data columns of a run file's first batch in place of what was drawn.
Status take_first_rows(Session& session, const runtime::RunConfig& config, const frontend::Model& model,
                       const Graph& graph, TensorMap& inputs) {
  const Result<runtime::LoadedData> data = read_data(session, config, model);
  if (!data) return Failure();
  for (const runtime::ColumnData& column : data->train.columns) {
    if (!graph.find_input(column.column.name).valid()) continue;
    const TensorType& type = graph.nodes[graph.find_input(column.column.name)].types[0];
    if (graph.batch > data->train.rows) {
      session.diagnostics
          .error_at(
              DiagnosticKind::data_row_counts, session.options.arguments.front(),
              fmt::format("a batch is {} rows, the training part has {}", graph.batch, data->train.rows))
          .suggest("-D batch=…");
      return Failure();
    }
    std::vector<unsigned char> bytes(static_cast<size_t>(graph.batch * column.row_bytes()));
    runtime::copy_rows(column, 0, graph.batch, bytes.data());
    inputs[column.column.name] = dense(type.dtype, type.shape, bytes);
  }
  return Done();
}

// Each real number moved up or down by one rounding of f32.
TensorMap disturbed(TensorMap inputs) {
  uint64_t word = 1;
  for (auto& [name, tensor] : inputs)
    if (is_float(tensor.type.dtype))
      for (double& x : tensor.data) {
        word = word * 6364136223846793005u + 1442695040888963407u;
        x *= 1 + ((word >> 63) != 0 ? 0x1p-24 : -0x1p-24);
      }
  return inputs;
}

// Exit code 1 where the text is not true.
int check(Session& session, const Graph& gradients, const Graph& graph,
          const explain::Explanation& explanation, const explain::Evaluated& evaluated,
          const explain::Evaluated& sensitive, const explain::Checked& checked, const TensorMap& inputs) {
  const Result<TensorMap> compiled = compiled_outputs(session, gradients, inputs);
  if (!compiled) return session.leave();
  const double least = kLeastInFloat * explain::least_scale(explanation, evaluated.values);
  double worst = 0;
  std::string where;
  size_t outputs = 0;
  bool good = checked.error <= kMostInDouble;
  for (const Output& output : graph.outputs) {
    const bool is_gradient = output.kind == OutputKind::gradient && output.of;
    const std::string name = is_gradient ? "∂loss/∂" + graph.input_name(*output.of) : output.name;
    const auto found = evaluated.values.find(name);
    if ((!is_gradient && output.kind != OutputKind::loss) || found == evaluated.values.end()) continue;
    ++outputs;
    const double error = explain::difference(compiled->at(output.name), found->second, least);
    const double rounding = explain::difference(sensitive.values.at(name), found->second, least);
    good = good && error <= std::max(kMostInFloat, kRoundings * rounding);
    if (!(error <= worst)) worst = error, where = name;
  }
  Console& console = session.console;
  const auto place = [](double error, const std::string& at) {
    return error > 0 ? ", at " + at : std::string();
  };
  console.print("read back and computed: {} values as the graph gives them, in double within {:.1e}{}\n",
                checked.values, checked.error, place(checked.error, checked.worst));
  console.print("compiled: {} of them, in f32 within {:.1e}{}\n", outputs, worst, place(worst, where));
  if (!good) console.print("WRONG: the formulas and the gradients differ\n");
  return session.leave(good ? 0 : 1);
}

}  // namespace

int explain(const Options& options, Console& console) {
  Session session(options, console);
  if (!check_flags(session)) return session.leave();
  const Result<LoadedModel> loaded = load_model(session, options.arguments.front());
  if (!loaded) return session.leave();
  const Result<frontend::Model> model = build(session, *loaded);
  if (!model) return session.leave();
  const Graph* gradients = model->module.find("gradients");
  if (gradients == nullptr) {
    session.diagnostics
        .error_at(DiagnosticKind::no_loss, loaded->path,
                  fmt::format("{} has no loss that could be explained", model->name))
        .suggest("loss(x, label) = … as a member");
    return session.leave();
  }
  const Result<Graph> graph = passes::differentiate(*gradients, session.diagnostics);
  if (!graph) return session.leave();
  const Result<explain::Explanation> explanation =
      explain::explain(*graph, {options.raw, options.wrt}, session.diagnostics);
  if (!explanation) return session.leave();
  const std::string text = explain::text_of(*explanation, session.sources);
  if (!options.values && !options.check) {
    if (options.json)
      show_explanation_json(session, *explanation);
    else
      console.write(options.latex    ? explain::latex_of(*explanation)
                    : options.mathml ? explain::mathml_of(*explanation)
                                     : text);
    return session.leave();
  }

  TensorMap inputs = drawn_inputs(*model, *graph, options.seed.value_or(0));
  if (loaded->run && !take_first_rows(session, *loaded->run, *model, *graph, inputs)) return session.leave();
  const std::vector<std::vector<DenseTensor>> known = evaluate_all(*graph, inputs);
  const explain::Evaluated evaluated = explain::evaluate(*explanation, text, inputs, known);
  NNC_CHECK(evaluated.fault.empty(), "the text of an explanation reads back: " + evaluated.fault);
  if (options.check)
    return check(session, *gradients, *graph, *explanation, evaluated,
                 explain::evaluate(*explanation, text, disturbed(inputs), known),
                 explain::compare(*explanation, evaluated, known), inputs);
  show_values_of(console, *explanation, evaluated.values);
  return session.leave();
}

}  // namespace nnc::driver
