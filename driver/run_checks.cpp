// The checks that need a model and its data, in the order in which they are told.
#include "driver/run_checks.h"

#include "runtime/formats/safetensors.h"
#include "runtime/run_file/survival_config.h"
#include "runtime/training/losses.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {

Result<std::shared_ptr<const runtime::InitialWeights>> read_weights(Session& session,
                                                                    const runtime::RunConfig& config,
                                                                    const frontend::Model& model) {
  std::shared_ptr<const runtime::InitialWeights> none;
  if (config.init_from.empty()) return none;
  std::vector<runtime::ParameterType> kept;
  const auto add = [&](const std::string& name, const TensorType& type, bool is_state) {
    kept.push_back({name, std::string(runtime::safetensors_name(type.dtype)), type.shape, is_state});
  };
  for (const frontend::ParameterInfo& p : model.parameters) add(p.name, p.type, false);
  if (const Graph* train = model.module.find("train"))
    for (const NodeId id : train->inputs) {
      const Node& node = train->nodes[id];
      const auto& input = std::get<InputAttrs>(node.attrs);
      if (input.role == Role::state) add(input.name, node.types[0], true);
    }
  Result<runtime::InitialWeights> weights = runtime::read_initial_weights(config, kept, session.diagnostics);
  if (!weights) return Failure();
  return std::make_shared<const runtime::InitialWeights>(std::move(*weights));
}

Status check_watched(Session& session, const runtime::RunConfig& config, const frontend::Model& model,
                     const runtime::LoadedData& data) {
  runtime::Measured measured;
  const auto add = [&](const char* graph, bool losses, bool metrics, std::vector<std::string>& to) {
    const Graph* found = model.module.find(graph);
    if (found == nullptr) return;
    for (const Output& output : found->outputs)
      if ((losses && is_loss(output.kind)) || (metrics && output.kind == OutputKind::metric))
        to.push_back(output.name);
  };
  add("train", true, false, measured.training);
  if (config.train_metrics) add("finish", false, true, measured.training);
  measured.part = data.watched_name();
  if (!measured.part.empty()) add("finish", true, true, measured.evaluated);
  return runtime::check_watches(config, measured, session.diagnostics);
}

}  // namespace nnc::driver
