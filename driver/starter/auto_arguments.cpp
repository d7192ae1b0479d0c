// What an argument stands for follows from the model: it is built twice, with two numbers for the argument, and the columns
// whose classes, or one of whose axes, are first the one and then the other number are those that it is of.
#include "driver/starter/auto_arguments.h"

#include <algorithm>
#include <array>

#include "driver/programs.h"
#include "driver/session.h"
#include "frontend/syntax/parser.h"
#include "runtime/file.h"

namespace nnc::driver {
namespace {

// Sizes that no model has by chance, so far apart that several arguments get different ones.
constexpr std::array<int64_t, 2> kStandIns = {211, 307};

// The model's columns with first, first + 1, … for its "auto" arguments, in their order; empty if it cannot be built so.
std::vector<runtime::ModelColumn> columns_with(const runtime::RunConfig& config, int64_t first) {
  Sources sources;
  Diagnostics ignored;
  const auto bytes =
      runtime::read_file(config.model, false, size_t{1} << 24, DiagnosticKind::unreadable_file, ignored);
  if (!bytes) return {};
  const FileId file = sources.add(config.model, std::string(bytes->begin(), bytes->end()));
  const Result<ast::File> tree = frontend::parse(sources, file, ignored);
  if (!tree) return {};
  // The optimizer does not matter here, and places in the run file are not among these sources.
  frontend::BuildOptions options;
  options.arguments = config.arguments;
  options.batch = config.batch;
  for (auto& [name, value] : options.arguments)
    if (value == "auto") value = std::to_string(first++);
  const Result<frontend::Model> model = frontend::build_model(*tree, sources, options, ignored);
  return model ? model_columns(*model) : std::vector<runtime::ModelColumn>();
}

bool has_axis(const runtime::ModelColumn& column, int64_t extent) {
  return std::find(column.shape.begin(), column.shape.end(), extent) != column.shape.end();
}

}  // namespace

runtime::AutoArguments auto_arguments(const runtime::RunConfig& config) {
  const bool wanted = std::any_of(config.arguments.begin(), config.arguments.end(),
                                  [](const auto& argument) { return argument.second == "auto"; });
  if (!wanted) return {};
  const auto before = columns_with(config, kStandIns[0]), after = columns_with(config, kStandIns[1]);
  // A model that cannot be built for another reason says nothing of these arguments: the reason is reported with the model.
  if (before.empty() || before.size() != after.size()) return {};
  runtime::AutoArguments known;
  int64_t nth = 0;
  for (const auto& [name, value] : config.arguments) {
    if (value != "auto") continue;
    runtime::AutoArgument& argument = known[name];
    const int64_t first = kStandIns[0] + nth, second = kStandIns[1] + nth;
    for (size_t i = 0; i < before.size(); ++i) {
      const bool is_axis = has_axis(before[i], first) && has_axis(after[i], second);
      const bool is_one_hot = is_axis && is_float(before[i].dtype);
      if (is_one_hot || (before[i].classes == first && after[i].classes == second))
        argument.counts.push_back(before[i].name);
      else if (is_axis)
        argument.length_of = before[i].name;
    }
    ++nth;
  }
  return known;
}

}  // namespace nnc::driver
