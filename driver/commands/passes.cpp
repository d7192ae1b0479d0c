// nnc passes [FILE]: what the pipeline runs, in its order, read from the pass table; of a file, what a step of it loses when one
// of the passes is left out.
#include <algorithm>

#include "driver/commands/commands.h"
#include "driver/report.h"
#include "driver/text_program.h"
#include "nlohmann/json.hpp"
#include "passes/pass.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

std::string_view stage_name(passes::Stage stage) {
  switch (stage) {
    case passes::Stage::grad:
      return "grad";
    case passes::Stage::fused:
      return "fused";
    case passes::Stage::kernels:
      return "kernels";
  }
  return "";
}

// The step with all passes, or without one.
struct Variant {
  std::string without;
  std::unique_ptr<TextProgram> program;
  std::vector<double> times;  // us

  double median() {
    std::ranges::sort(times);
    return times[times.size() / 2];
  }
};

// A step of each in turns, for so many milliseconds of all, three times at least.
void time_variants(std::vector<Variant>& variants, double ms) {
  for (Variant& v : variants) v.program->take_step();
  const double begin = now_ms();
  for (int turn = 0; turn < 3 || now_ms() - begin < ms; ++turn)
    for (Variant& v : variants) {
      const double before = now_ms();
      v.program->take_step();
      v.times.push_back((now_ms() - before) * 1e3);
    }
}

int show_costs(Session& session, const std::string& path) {
  const Result<Module> module = load_module(session, path);
  if (!module) return session.leave();
  const Result<Graph> graph = choose_graph(session, *module);
  if (!graph) return session.leave();
  std::vector<Variant> variants;
  const auto add = [&](const std::string& without) {
    std::vector<std::string> disabled;
    if (!without.empty()) disabled.push_back(without);
    Result<CompiledText> compiled = compile_graph_alone(session, *graph, disabled);
    auto program = compiled ? TextProgram::open(session, std::move(*compiled)) : nullptr;
    if (program == nullptr) return false;
    variants.push_back({without, std::move(program), {}});
    return true;
  };
  if (!add("")) return session.leave();
  for (const passes::Pass& pass : passes::all_passes())
    if (!pass.required && !add(std::string(pass.name))) return session.leave();
  time_variants(variants, session.options.seconds * 1e3);
  const EntryPoint& whole = variants.front().program->step();
  const double us = variants.front().median();
  Table table("lrrrr");
  nlohmann::ordered_json json{{"file", path}, {"graph", graph->name}};
  const auto more = [](double now, double before) {
    return now == before ? "" : fmt::format("{:+.1f} %", (now / before - 1) * 100);
  };
  table.row({"without", "kernels", "bytes moved", "temporaries", "time"});
  for (Variant& v : variants) {
    const EntryPoint& step = v.program->step();
    const uint64_t bytes = step.bytes_read + step.bytes_written, all = whole.bytes_read + whole.bytes_written;
    const bool is_whole = v.without.empty();
    const double time = v.median();
    json["without"].push_back({{"pass", v.without},
                               {"kernels", step.kernels.size()},
                               {"bytes", bytes},
                               {"temporary_bytes", step.memory.arena()},
                               {"us", time}});
    table.row(
        {is_whole ? "nothing" : v.without, fmt::format("{}", step.kernels.size()),
         is_whole ? bytes_text(bytes) : more(static_cast<double>(bytes), static_cast<double>(all)),
         is_whole ? bytes_text(step.memory.arena())
                  : more(static_cast<double>(step.memory.arena()), static_cast<double>(whole.memory.arena())),
         is_whole ? fmt::format("{:.1f} us", time) : more(time, us)});
  }
  if (session.options.json)
    write_json(session.console, json);
  else
    session.console.print("a step of @{}, {}, on drawn inputs\n{}", graph->name,
                          plural(variants.front().program->threads(), "thread"), table.text());
  return session.leave();
}

}  // namespace

int list_passes(const Options& options, Console& console) {
  if (!options.arguments.empty()) {
    Session session(options, console);
    return show_costs(session, options.arguments.front());
  }
  Table table("llll");
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  const auto add = [&](std::string_view name, passes::Stage stage, bool required, std::string_view doc) {
    const std::string_view stage_text = stage_name(stage), need = required ? "required" : "optional";
    table.row({std::string(name), std::string(stage_text), std::string(need), std::string(doc)});
    json.push_back({{"name", name}, {"stage", stage_text}, {"required", required}, {"doc", doc}});
  };
  add(passes::kDifferentiate, passes::Stage::grad, true, passes::kDifferentiateDoc);
  for (const passes::Pass& pass : passes::all_passes()) add(pass.name, pass.stage, pass.required, pass.doc);
  if (options.json)
    write_json(console, json);
  else
    console.write(table.text());
  return 0;
}

}  // namespace nnc::driver
