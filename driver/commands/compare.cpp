// nnc compare RUN…: what runs have reached, side by side, and in which settings they differ.
#include <algorithm>
#include <set>

#include "driver/commands/commands.h"
#include "driver/output_file.h"
#include "driver/pages/pages.h"
#include "driver/report.h"
#include "driver/report_page/run_facts.h"
#include "driver/session.h"
#include "driver/trained.h"
#include "nlohmann/json.hpp"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

bool is_result(const std::string& column) {
  return column.starts_with("train.") || column.starts_with("validation.") || column.starts_with("test.");
}

// The numbers of a run's last epoch and of the test part at its end, which may be of an earlier epoch's weights, and the
// lowest and highest of each with their epochs.
Json run_json(const runtime::TrainedRun& run, const std::string& name) {
  Json json;
  json["name"] = name;
  json["folder"] = run.path;
  json["state"] = state_of(run.path);
  const Json environment = environment_of(run.path);
  json["parameters"] = environment.value("parameters", Json(nullptr));
  Json curves = curves_of(run.path);
  const Json& rows = curves["rows"];
  json["epochs"] = rows.empty() ? Json(0) : rows.back().at(0);
  json["steps"] = rows.empty() ? Json(0) : rows.back().at(1);
  for (const char* part : {"last", "lowest", "highest"}) json[part] = Json::object();
  for (size_t k = 0; k < curves["columns"].size(); ++k) {
    const std::string column = curves["columns"][k];
    if (!is_result(column) || rows.empty()) continue;
    if (!rows.back()[k].is_null()) json["last"][column] = rows.back()[k];
    for (const Json& row : rows) {
      if (!row[k].is_number()) continue;
      const auto keep = [&](const char* part, bool better) {
        if (better) json[part][column] = {{"value", row[k]}, {"epoch", row[0]}};
      };
      const auto before = [&](const char* part) { return json[part][column]["value"].get<double>(); };
      const double value = row[k];
      keep("lowest", !json["lowest"].contains(column) || value < before("lowest"));
      keep("highest", !json["highest"].contains(column) || value > before("highest"));
    }
  }
  const Json test = final_test_of(run.path);
  json["last"].update(test["values"]);
  if (!test["values"].empty()) json["test_epoch"] = test["epoch"];
  json["settings"] = run.config.values;
  json["curves"] = std::move(curves);
  return json;
}

// Settings that are not the same in all runs. Where a run writes to is not one of them.
Json differences(const std::vector<runtime::TrainedRun>& runs) {
  std::set<std::string> keys;
  for (const runtime::TrainedRun& run : runs)
    for (const auto& [key, value] : run.config.values) keys.insert(key);
  Json all = Json::array();
  for (const std::string& key : keys) {
    if (key == "train.out") continue;
    Json values = Json::array();
    for (const runtime::TrainedRun& run : runs) {
      const auto found = run.config.values.find(key);
      values.push_back(found == run.config.values.end() ? Json(nullptr) : Json(found->second));
    }
    if (std::any_of(values.begin(), values.end(), [&](const Json& v) { return v != values.front(); }))
      all.push_back({{"key", key}, {"values", values}});
  }
  return all;
}

// Results that at least one run has.
std::vector<std::string> result_columns(const Json& runs) {
  std::vector<std::string> columns;
  for (const Json& run : runs)
    for (const auto& [column, value] : run["last"].items())
      if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
  // What people look for first: metrics, the test part's before the others', then losses, then what is of training.
  const auto rank = [](const std::string& column) {
    const size_t dot = column.find('.');
    const std::string part = column.substr(0, dot), of = column.substr(dot + 1);
    return (part == "test"         ? 0
            : part == "validation" ? 1
                                   : 4) +
           (of == "loss" || of.starts_with("loss.") ? 2 : 0);  // as metrics.csv calls them
  };
  std::stable_sort(columns.begin(), columns.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  return columns;
}

// A number in five digits; "nan" as it is; "-" where the run does not measure it. With the epoch, if it is not the last.
std::string cell_text(const Json& run, const std::string& column) {
  const Json& values = run["last"];
  if (!values.contains(column)) return "-";
  const Json& value = values[column];
  std::string text =
      value.is_string() ? value.get<std::string>() : fmt::format("{:.5g}", value.get<double>());
  const Json epoch = run.value("test_epoch", Json(nullptr));
  if (column.starts_with("test.") && epoch.is_number() && epoch != run["epochs"])
    text += fmt::format(" (epoch {})", epoch.get<int64_t>());
  return text;
}

std::string text_tables(const Json& json) {
  const std::vector<std::string> columns = json["columns"];
  Table results("llrrr" + std::string(columns.size(), 'r'));
  std::vector<std::string> head = {"run", "state", "epochs", "steps", "parameters"};
  head.insert(head.end(), columns.begin(), columns.end());
  results.row(head);
  const auto whole = [](const Json& value) {
    return value.is_number() ? count_text(value.get<int64_t>()) : std::string();
  };
  for (const Json& run : json["runs"]) {
    std::vector<std::string> cells = {run["name"], run["state"], whole(run["epochs"]), whole(run["steps"]),
                                      whole(run["parameters"])};
    for (const std::string& column : columns) cells.push_back(cell_text(run, column));
    results.row(std::move(cells));
  }
  std::string out = results.text();
  if (json["differences"].empty()) return out;
  Table settings("l" + std::string(json["runs"].size(), 'l'));
  std::vector<std::string> names = {"setting"};
  for (const Json& run : json["runs"]) names.push_back(run["name"]);
  settings.row(names);
  for (const Json& difference : json["differences"]) {
    std::vector<std::string> cells = {difference["key"]};
    for (const Json& value : difference["values"])
      cells.push_back(value.is_null() ? "" : value.get<std::string>());
    settings.row(std::move(cells));
  }
  return out + "\n" + settings.text();
}

}  // namespace

int compare(const Options& options, Console& console) {
  Session session(options, console);
  std::vector<runtime::TrainedRun> runs;
  for (const std::string& path : options.arguments) {
    const Result<FileKind> kind = kind_of(session, path);
    if (kind && *kind != FileKind::run_file && *kind != FileKind::folder)
      session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, path,
                                   "a run file or a run folder is expected");
    else if (kind)
      if (Result<runtime::TrainedRun> run = find_run(session, path, *kind)) runs.push_back(std::move(*run));
  }
  if (!options.output.empty() && !options.output.ends_with(".html"))
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, "-o " + options.output,
                  "the name does not say what to write")
        .suggest("a name that ends in .html");
  if (session.diagnostics.has_errors()) return session.leave();

  Json json;
  json["runs"] = Json::array();
  for (const runtime::TrainedRun& run : runs) {
    const auto same = std::count_if(runs.begin(), runs.end(), [&](const runtime::TrainedRun& other) {
      return last_part(other.path) == last_part(run.path);
    });
    json["runs"].push_back(run_json(run, same > 1 ? run.path : last_part(run.path)));
  }
  json["columns"] = result_columns(json["runs"]);
  json["differences"] = differences(runs);
  if (options.json) {
    Json brief = json;
    for (Json& run : brief["runs"]) run.erase("curves");
    write_json(console, brief);
  } else {
    console.write(text_tables(json));
  }
  if (options.output.empty()) return session.leave();
  const std::string text =
      page("compare", "Runs side by side", json.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (write_output(options.output, text, session.diagnostics))
    console.say("{} ({})\n", options.output, bytes_text(text.size()));
  return session.leave();
}

}  // namespace nnc::driver
