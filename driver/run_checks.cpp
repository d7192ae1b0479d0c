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
  std::vector<runtime::ParameterType> parameters;
  for (const frontend::ParameterInfo& p : model.parameters)
    parameters.push_back({p.name, std::string(runtime::safetensors_name(p.type.dtype)), p.type.shape});
  if (const Graph* train = model.module.find("train"))
    for (const NodeId id : train->inputs) {
      const Node& node = train->nodes[id];
      const auto& input = std::get<InputAttrs>(node.attrs);
      if (input.role == Role::state)
        parameters.push_back(
            {input.name, std::string(runtime::safetensors_name(node.types[0].dtype)), node.types[0].shape});
    }
  Result<runtime::InitialWeights> weights =
      runtime::read_initial_weights(config, parameters, session.diagnostics);
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
