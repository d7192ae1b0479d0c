// nnc eval RUN [FILE]: the loss and the metrics of a trained run over its test data, over another part of its data, or
// over a file with labels.
#include <cstdlib>

#include "driver/commands/commands.h"
#include "driver/report.h"
#include "driver/rows.h"
#include "nlohmann/json.hpp"
#include "runtime/training/trainer.h"

namespace nnc::driver {
namespace {

// The double that prints as the f32 does: 0.963, not 0.9629999995231628.
double shortest(double value) {
  return std::strtod(fmt::format("{}", static_cast<float>(value)).c_str(), nullptr);
}

std::string json_report(const Trained& trained, const Rows& rows,
                        const std::vector<runtime::NamedValue>& values) {
  nlohmann::ordered_json json;
  for (const runtime::NamedValue& value : values) json[value.name] = shortest(value.value);
  json["rows"] = rows.data.rows;
  json["part"] = rows.part;
  json["checkpoint"] = trained.checkpoint.path;
  return json.dump() + "\n";
}

}  // namespace

int eval(const Options& options, Console& console) {
  Session session(options, console);
  if (options.arguments.size() > 1 && !options.part.empty())
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "--part " + options.part,
                                 "a file is evaluated as a whole; --part cannot be used with one");
  if (session.diagnostics.has_errors()) return session.leave();
  const Result<Trained> trained = open_trained(session, options.arguments.front());
  if (!trained) return session.leave();
  const Result<Rows> rows = options.arguments.size() > 1
                                ? rows_of_file(session, *trained, options.arguments[1])
                                : rows_to_evaluate(session, *trained, options.part);
  if (!rows) return session.leave();
  const Result<std::vector<Graph>> graphs =
      evaluation_graphs(session, trained->loaded, trained->model, {&rows->data.rows, 1});
  if (!graphs) return session.leave();
  const Result<Bundle> bundle = compile_graphs(session, *graphs);
  if (!bundle || !check_memory(session, *bundle)) return session.leave();
  runtime::ThreadPool pool(codegen_options(options).threads);
  runtime::Session memory(*bundle, pool);
  if (!load_trained(session, *trained, memory)) return session.leave();
  const auto values = runtime::evaluate(memory, rows->data, session.diagnostics);
  if (!values || !runtime::check_unchanged({&rows->data}, session.diagnostics)) return session.leave();
  if (options.json) {
    console.write(json_report(*trained, *rows, *values));
  } else {
    Table table("ll");
    for (const runtime::NamedValue& value : *values)
      table.row({value.name, fmt::format("{:.6g}", value.value)});
    console.write(table.text());
    if (trained->model.columns.empty())
      console.say("{}\n", trained->checkpoint.path);
    else if (options.arguments.size() > 1)
      console.say("over {} of {}, {}\n", count_text(rows->data.rows, "row"), rows->part,
                  trained->checkpoint.path);
    else
      console.say("over {}, {}\n", count_text(rows->data.rows, rows->part + " row"),
                  trained->checkpoint.path);
  }
  return session.leave();
}

}  // namespace nnc::driver
