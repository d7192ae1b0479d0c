// See command.h.
#include "driver/inspect/command.h"

#include <map>

#include "driver/inspect/difference.h"
#include "driver/inspect/picture.h"
#include "driver/inspect/view.h"
#include "driver/output_file.h"
#include "driver/report.h"
#include "nlohmann/json.hpp"
#include "passes/rewrite.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

constexpr size_t kMostCode =
    12;  // lines of code that --where shows of one kernel; how many there are is said

std::string_view stage_of(const Session& session, const Stages& stages) {
  return session.options.gave("--stage") ? std::string_view(session.options.stage) : stages.names().front();
}

// Lines of a stage, or where nothing passes the filter, an error that says so.
int show_stage(Session& session, Stages& stages) {
  const Options& options = session.options;
  const std::string name(stage_of(session, stages));
  const Result<StageText> stage = stages.text(name);
  if (!stage) return session.leave();
  const Result<Filter> filter = filter_of(session);
  if (!filter) return session.leave();
  if (!filter->kernel.empty() && stage->kernels.empty()) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, "--kernel", fmt::format("the stage {} has no kernels", name))
        .suggest("--stage=kernels, llvm or asm");
    return session.leave();
  }
  const std::vector<size_t> lines = matching(*stage, *filter, session.sources);
  if (lines.empty() && !filter->empty()) {
    std::vector<std::string> known = stage->kernels;
    const auto near = filter->kernel.empty() ? std::nullopt : suggest(filter->kernel, known);
    session.diagnostics
        .error_at(DiagnosticKind::unknown_choice, fmt::format("--stage={}", name),
                  "no line of this stage is what is asked for")
        .suggest(near ? fmt::format("did you mean --kernel {}?", *near) : "");
    return session.leave();
  }
  if (!options.json) {
    session.console.write(text_of(*stage, lines, session.sources, options.sourced, session.console.color()));
    return session.leave();
  }
  nlohmann::ordered_json json{{"file", options.arguments.front()}, {"stage", name}};
  json["text"] = text_of(*stage, lines, session.sources, false, false);
  json["lines"] = json_of(*stage, lines, session.sources);
  write_json(session.console, json);
  return session.leave();
}

// A line of the model at every stage: values of graphs, statements of kernels, instructions.
int show_where(Session& session, Stages& stages) {
  const Result<Filter> filter = filter_of(session);
  if (!filter) return session.leave();
  const SourceFile& file = session.sources[filter->place->file];
  nlohmann::ordered_json json{{"file", file.path()}, {"line", filter->place->line}};
  std::string out = fmt::format("{}:{}{}\n", file.path(), filter->place->line,
                                "  " + std::string(file.line(filter->place->line)));
  bool any = false;
  for (const std::string_view name : stages.names()) {
    if (name == "llvm") continue;  // as many lines as the machine code, and further from both ends
    const Result<StageText> stage = stages.text(name);
    if (!stage) return session.leave();
    const std::vector<size_t> lines = matching(*stage, *filter, session.sources);
    any = any || !lines.empty();
    json[std::string(name)] = json_of(*stage, lines, session.sources);
    out += fmt::format("\n{}\n", name);
    if (stage->kernels.empty()) {
      out += text_of(*stage, lines, session.sources, false, session.console.color());
      continue;
    }
    for (size_t i = 0; i < lines.size();) {
      size_t end = i;
      while (end < lines.size() && stage->kernels[lines[end]] == stage->kernels[lines[i]]) ++end;
      const bool is_code = name == "asm";
      const size_t shown = is_code ? std::min(end - i, kMostCode) : end - i;
      out += fmt::format("  {}{}\n", stage->kernels[lines[i]],
                         is_code ? fmt::format(": {}", plural(static_cast<int64_t>(end - i), "line")) : "");
      const std::vector<size_t> some(lines.begin() + static_cast<std::ptrdiff_t>(i),
                                     lines.begin() + static_cast<std::ptrdiff_t>(i + shown));
      out += text_of(*stage, some, session.sources, false, session.console.color());
      if (shown < end - i) out += "\t…\n";
      i = end;
    }
  }
  if (!any) {
    session.diagnostics.error_at(DiagnosticKind::unknown_choice, "--where " + session.options.where,
                                 fmt::format("nothing of {} comes from this line", stages.described()));
    return session.leave();
  }
  if (session.options.json)
    write_json(session.console, json);
  else
    session.console.write(out);
  return session.leave();
}

int show_difference(Session& session, Stages& stages) {
  const std::vector<std::string>& names = session.options.diff;
  const auto is_graph = [](const std::string& name) {
    return std::ranges::find(kGraphStages, name) != std::end(kGraphStages);
  };
  if (names.size() != 2 || !is_graph(names[0]) || !is_graph(names[1])) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, fmt::format("--diff={}", fmt::join(names, ",")),
                  "two of the stages graph, grad and fused are expected")
        .suggest("--diff=grad,fused");
    return session.leave();
  }
  const Result<StageText> before = stages.text(names[0]), after = stages.text(names[1]);
  if (!before || !after) return session.leave();
  const Result<Filter> filter = filter_of(session);
  if (!filter) return session.leave();
  const Difference found =
      difference(*before, *after, *filter, session.sources, session.options.sourced, session.console.color());
  session.console.print("# {} to {}: {}\n{}", names[0], names[1], summary(found), found.text);
  return session.leave();
}

// What each pass of the pipeline changes, up to the kernels.
int show_passes(Session& session, Stages& stages) {
  const Graph* graph = stages.graph("graph");
  const Result<std::vector<std::string>> disabled = disabled_passes(session);
  const Result<Filter> filter = filter_of(session);
  if (!disabled || !filter) return session.leave();
  struct Step {
    std::string pass;
    Graph after;
    double ms;
  };
  std::vector<Step> steps;
  passes::PipelineOptions options;
  options.disabled = *disabled;
  options.observe = [&](std::string_view pass, const Graph& after, double ms) {
    steps.push_back({std::string(pass), after, ms});
  };
  if (!passes::run_pipeline(*graph, options, session.diagnostics)) return session.leave();
  StageText before = of_graph("graph", *graph);
  for (const Step& step : steps) {
    StageText after = of_graph(step.pass, step.after);
    const Difference found =
        difference(before, after, *filter, session.sources, session.options.sourced, session.console.color());
    before = std::move(after);
    const passes::Pass* pass = passes::find_pass(step.pass);
    session.console.print("# {}: {}; {:.2f} ms; {}\n{}", step.pass,
                          pass == nullptr ? passes::kDifferentiateDoc : pass->doc, step.ms, summary(found),
                          found.text);
  }
  return session.leave();
}

int draw_stage(Session& session, Stages& stages) {
  const std::string stage(stage_of(session, stages));
  const std::string& path = session.options.output;
  const bool is_svg = path.ends_with(".svg");
  if (!is_svg && !path.ends_with(".dot")) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "-o " + path, "a stage is drawn as .svg or .dot");
    return session.leave();
  }
  std::string dot;
  if (std::ranges::find(kGraphStages, stage) != std::end(kGraphStages)) {
    const Graph* graph = stages.graph(stage);
    if (graph == nullptr) return session.leave();
    dot = dot_of(*graph);
  } else if (stage == "kernels") {
    const kernel::Program* program = stages.program();
    if (program == nullptr) return session.leave();
    dot = dot_of(*program);
  } else {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, "-o " + path, fmt::format("the stage {} is no graph", stage))
        .suggest("--stage=graph, grad, fused or kernels");
    return session.leave();
  }
  if (is_svg) {
    Result<std::string> svg = svg_of_dot(dot, session.diagnostics);
    if (!svg) return session.leave();
    dot = std::move(*svg);
  }
  if (write_output(path, dot, session.diagnostics)) session.console.say("{}\n", path);
  return session.leave();
}

}  // namespace

int show_stages(Session& session, Stages& stages) {
  const Options& options = session.options;
  if (!options.diff.empty()) return show_difference(session, stages);
  if (options.each_pass) return show_passes(session, stages);
  if (!options.output.empty()) return draw_stage(session, stages);
  if (!options.where.empty() && !options.gave("--stage")) return show_where(session, stages);
  return show_stage(session, stages);
}

Result<Graph> gradient_graph(Session& session, const Module& module,
                             const std::vector<std::string>& parameters) {
  const Graph* gradients = module.find("gradients");
  std::map<std::string, Output> outputs;  // by parameter
  if (gradients != nullptr)
    for (const Output& output : gradients->outputs)
      if (output.kind == OutputKind::gradient) outputs.emplace(gradients->input_name(*output.of), output);
  std::vector<std::string> known;
  for (const auto& [name, output] : outputs) known.push_back(name);
  std::vector<Output> wanted;
  for (const std::string& parameter : parameters) {
    if (const auto found = outputs.find(parameter); found != outputs.end()) {
      wanted.push_back(found->second);
      continue;
    }
    const auto near = suggest(parameter, known);
    Diagnostic& error = session.diagnostics.error_at(
        DiagnosticKind::unknown_choice, "--wrt " + parameter,
        known.empty() ? "there is no gradient here: the file has no model with a loss"
                      : fmt::format("the model has no parameter {}", parameter));
    if (near)
      error.suggest(fmt::format("did you mean {}?", *near));
    else if (!known.empty())
      error.suggest(fmt::format("there are {}", fmt::join(known, ", ")));
  }
  if (wanted.size() < parameters.size()) return Failure();
  Graph some = *gradients;
  some.outputs = std::move(wanted);
  some.gradients.clear();
  return passes::without_dead(std::move(some));
}

}  // namespace nnc::driver
