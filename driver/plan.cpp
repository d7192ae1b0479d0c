// Builds one model per kind of phase and gives it its name.
#include "driver/plan.h"

#include <map>

#include "runtime/training/schedule.h"

namespace nnc::driver {
namespace {

// What of a phase its machine code depends on: not how long it is, nor how the rate changes.
std::string compiled_part(const runtime::Phase& phase) {
  std::string text = fmt::format("{} {} {}", phase.optimizer, phase.clip_norm, phase.accumulate);
  for (const runtime::ParameterGroup& group : phase.groups) {
    text += fmt::format("; {} {}", group.match, group.rank);
    for (const auto& argument : group.arguments) text += fmt::format(" {}={}", argument.name, argument.value);
  }
  return text;
}

// What is computed, and not what the values are to their users: two runs that differ in this alone are the same run, and
// runs from before texts said it are known again.
Module computed_alone(Module module) {
  for (Graph& graph : module.graphs) {
    graph.batch = 0;
    for (Output& output : graph.outputs) output.kind = OutputKind::plain, output.of.reset();
    for (const NodeId id : graph.inputs) {
      Role& role = std::get<InputAttrs>(graph.nodes[id].attrs).role;
      if (role == Role::moment || role == Role::sum) role = Role::state;
    }
  }
  return module;
}

}  // namespace

Result<Plan> plan_phases(Session& session, const runtime::RunConfig& config) {
  Plan plan;
  std::map<std::string, size_t> known;
  bool first_optimizer = true;
  for (size_t i = 0; i < config.phases.size(); ++i) {
    const runtime::Phase& phase = config.phases[i];
    first_optimizer = first_optimizer && (i == 0 || runtime::keeps_optimizer(config.phases[i - 1], phase));
    const bool average_starts = first_optimizer || config.average == 0;
    const auto [found, is_new] = known.try_emplace(
        compiled_part(phase) + (average_starts ? "" : "goes on with averages"), plan.builds.size());
    plan.of_phase.push_back(found->second);
    if (!is_new) continue;
    auto made = std::make_unique<PhaseBuild>();
    made->loaded.path = config.model;
    made->loaded.options = build_options(config, phase);
    made->loaded.options.average_starts = average_starts;
    Result<ast::File> tree = parse_model(session, config.model);
    if (!tree) return Failure();
    made->loaded.tree = std::move(*tree);
    Result<frontend::Model> model = build(session, made->loaded);
    if (!model) return Failure();
    made->model = std::move(*model);
    plan.builds.push_back(std::move(made));
  }
  return plan;
}

std::string identity_text(const Plan& plan) {
  std::string text;
  for (const auto& built : plan.builds) text += print(computed_alone(built->model.module));
  return text;
}

std::string model_text(const Session& session, const runtime::RunConfig& config) {
  Session quiet(session.options, session.console);
  const Result<Plan> plan = plan_phases(quiet, config);
  return plan ? identity_text(*plan) : "";
}

}  // namespace nnc::driver
