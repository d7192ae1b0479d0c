#include "driver/workload.h"

#include <future>

#include "driver/trained.h"
#include "runtime/data/splitmix.h"

namespace nnc::driver {
namespace {

// The parameters that start with U(lo, hi) or one number, read from the graph that draws them: those that the benchmark's generator
// makes. Init makes the others.
std::vector<runtime::SplitmixRange> initial_ranges(const frontend::Model& model) {
  std::vector<runtime::SplitmixRange> ranges;
  const Graph* init = model.module.find("init");
  for (const frontend::ParameterInfo& parameter : model.parameters) {
    const Node* start = nullptr;
    if (init != nullptr)
      for (const Output& output : init->outputs)
        if (output.name == parameter.name) start = &init->node(output.value);
    while (start != nullptr && start->op == Op::broadcast) start = &init->node(start->operands.front());
    const auto* draw = start == nullptr ? nullptr : std::get_if<RandomAttrs>(&start->attrs);
    const auto* constant = start == nullptr ? nullptr : std::get_if<ConstantAttrs>(&start->attrs);
    if (draw != nullptr && draw->distribution == Distribution::uniform)
      ranges.push_back({parameter.name, draw->a, draw->b});
    else if (constant != nullptr && constant->values.size() == 1)
      ranges.push_back({parameter.name, constant->values[0], constant->values[0]});
    else
      ranges.push_back({"", 0, 0});  // each keeps its number, which is its seed
  }
  return ranges;
}

// Whether generated values are all that the step needs.
bool needs_init(const Workload& w) {
  return !w.is_generated() || !w.trains() ||
         std::ranges::any_of(initial_ranges(w.model), [](const auto& r) { return r.parameter.empty(); });
}

// The entry, and init where it says how something starts that is not generated: of a prediction the layers' states.
Result<Bundle> compile_entry(Session& session, const Workload& w, bool stamps, uint64_t beside) {
  std::vector<Graph> graphs = {*w.model.module.find(w.entry)};
  if (const Graph* init = w.model.module.find("init"); init != nullptr && needs_init(w))
    graphs.push_back(*init);
  const Result<std::vector<std::string>> disabled = disabled_passes(session);
  CodegenOptions options = codegen_options(session.options);
  if (stamps) options.stamped = w.entry;
  if (session.options.debug_lines) options.lines = &session.sources;
  if (!disabled) return Failure();
  return nnc::compile_graphs(graphs, *disabled, options, session.diagnostics, nullptr,
                             memory_limit(session.options, beside));
}

// Of fewer rows than a batch, the step that training takes of them: that of all.
Result<Bundle> compile_step_of_all_rows(Session& session, Workload& w, bool stamps, uint64_t beside) {
  const int64_t rows = w.data.train.rows;
  session.console.say(
      "a batch of {} has more rows than there are: this is the step of all {}, as nnc train takes it\n",
      w.run().batch, rows);
  w.loaded.options.batch = w.loaded.run->batch = rows;
  Result<frontend::Model> model = build(session, w.loaded);
  if (!model) return Failure();
  w.model = std::move(*model);
  return compile_entry(session, w, stamps, beside);
}

}  // namespace

Result<Workload> open_workload(Session& session, LoadedModel loaded, bool stamps) {
  Workload w;
  w.loaded = std::move(loaded);
  const double start = now_ms();
  Result<frontend::Model> model = build(session, w.loaded);
  if (!model) return Failure();
  w.model = std::move(*model);
  if (!has_wanted_output(session, w.model)) return Failure();
  w.entry = session.options.output.empty() ? "train" : "predict." + session.options.output;
  if (w.model.module.find(w.entry) == nullptr) {
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, w.loaded.path,
                  "the model has no loss: there is no training step")
        .suggest("loss(x, label: i32[batch]) = cross_entropy(forward(x), label)");
    return Failure();
  }
  // Data is made or read while the step is compiled.
  Diagnostics said_of_data;
  auto data = std::async(std::launch::async,
                         [&] { return runtime::load_data(w.run(), model_columns(w.model), said_of_data); });
  // Where memory is limited, what the data takes of it has to be known first.
  Result<runtime::LoadedData> loaded_data = Failure();
  if (!session.options.memory.empty()) loaded_data = data.get();
  const uint64_t beside = loaded_data ? data_bytes(*loaded_data) : 0;
  Result<Bundle> bundle = compile_entry(session, w, stamps, beside);
  w.compile_s = (now_ms() - start) * 1e-3;
  if (data.valid()) loaded_data = data.get();
  session.diagnostics.append(said_of_data);
  if (!bundle || !loaded_data) return Failure();
  w.data = std::move(*loaded_data);
  if (w.data.train.rows > 0 && w.data.train.rows < w.run().batch)
    bundle = compile_step_of_all_rows(session, w, stamps, beside);
  if (!bundle || !check_memory(session, *bundle)) return Failure();
  w.bundle = std::move(*bundle);
  return w;
}

Status begin(Session& session, const Workload& workload, runtime::Session& memory) {
  if (!memory.check_memory(session.diagnostics)) return Failure();
  if (needs_init(workload)) runtime::initialize(memory, workload.run().seed);
  if (workload.is_generated() &&
      !runtime::splitmix_parameters(workload.bundle, initial_ranges(workload.model), memory.state(),
                                    session.diagnostics))
    return Failure();
  memory.set_scalar("lr", workload.model.default_lr);
  memory.set_scalar("seed", static_cast<int64_t>(workload.run().seed));
  return Done();
}

}  // namespace nnc::driver
