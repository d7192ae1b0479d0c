// nnc ops [NAME]: the graph's operations, all of it read from the op table.
#include "driver/commands/commands.h"
#include "driver/report.h"
#include "driver/session.h"
#include "ir/ops/op.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

// The reference has one section per op, headed by its name.
std::string section_of(const std::string& reference, const std::string& name) {
  for (size_t at = reference.find("\n## "); at != std::string::npos; at = reference.find("\n## ", at + 1)) {
    const size_t end_of_line = reference.find('\n', at + 1);
    const std::string heading = reference.substr(at + 4, end_of_line - at - 4);
    if (heading.find_first_not_of("` ") != heading.find(name)) continue;
    const size_t after = heading.find(name) + name.size();
    if (heading.find_first_not_of("` ", after) != std::string::npos) continue;
    return reference.substr(at + 1, reference.find("\n## ", at + 1) - at - 1);
  }
  return {};
}

}  // namespace

int ops(const Options& options, Console& console) {
  if (options.markdown) {
    console.write(ops_reference());
    return 0;
  }
  if (options.arguments.empty()) {
    Table table("ll");
    for (const OpDef* def : all_ops()) table.row({std::string(def->name), std::string(def->doc)});
    console.write(table.text());
    return 0;
  }
  const std::string& name = options.arguments.front();
  if (find_op(name)) {
    std::string section = section_of(ops_reference(), name);
    NNC_CHECK(!section.empty(), "the op reference has no section " + name);
    while (section.ends_with("\n\n")) section.pop_back();
    console.print("{}{}", section, section.ends_with("\n") ? "" : "\n");
    return 0;
  }
  Session session(options, console);
  std::vector<std::string> names;
  for (const OpDef* def : all_ops()) names.emplace_back(def->name);
  const auto near = suggest(name, names);
  session.diagnostics
      .error_at(DiagnosticKind::unknown_choice, "nnc ops", fmt::format("there is no op {}", name))
      .suggest(near ? fmt::format("did you mean {}?", *near) : "nnc ops lists them");
  return session.leave();
}

}  // namespace nnc::driver
