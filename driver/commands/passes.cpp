// nnc passes: what the pipeline runs, in its order, read from the pass table.
#include "driver/commands/commands.h"
#include "driver/report.h"
#include "nlohmann/json.hpp"
#include "passes/pass.h"

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

}  // namespace

int list_passes(const Options& options, Console& console) {
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
