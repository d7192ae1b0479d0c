// Reads the input, computes, and shows every value.
#include "driver/commands/inspect_activations.h"

#include <cmath>
#include <filesystem>

#include "driver/activations.h"
#include "driver/draw/activation_sheet.h"
#include "driver/draw/canvas.h"
#include "driver/output_file.h"
#include "driver/pages/pages.h"
#include "driver/report.h"
#include "driver/report_page/activation_json.h"
#include "driver/report_page/run_facts.h"
#include "driver/text_window.h"
#include "nlohmann/json.hpp"
#include "runtime/file.h"
#include "support/pattern.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kPagePanels = 64;
constexpr int64_t kPageUnits = 256;

// Those that --tensor names, if it is given.
Status choose_values(Session& session, const Trained& trained, ActivationModel& model) {
  const std::string& pattern = session.options.tensor;
  std::vector<std::string> names;
  for (const frontend::Activations::Value& value : model.built.values) names.push_back(value.name);
  if (names.empty()) {
    session.diagnostics.error_at(DiagnosticKind::unknown_choice, trained.loaded.path,
                                 fmt::format("{} computes nothing that has a name", trained.model.name));
    return Failure();
  }
  if (pattern.empty()) return Done();
  keep_values(model, [&](const auto& value) { return fits_pattern(pattern, value.name); });
  if (!model.built.values.empty()) return Done();
  const auto near = suggest(pattern, names);
  session.diagnostics
      .error_at(DiagnosticKind::unknown_choice, "--tensor " + pattern,
                fmt::format("the values are {}", fmt::join(names, ", ")))
      .suggest(near ? fmt::format("did you mean {}?", *near) : "");
  return Failure();
}

struct Seen {
  Activations activations;
  std::string of;  // "row 0 of seven.png", or the text in quotes
};

std::string given_text(const Options& options) {
  return "--activations " + options.activations;
}

Result<Seen> see_text(Session& session, const Trained& trained, const ActivationModel& model) {
  const Options& options = session.options;
  if (options.gave("--row")) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "--row", "a text has no rows: it is the input");
    return Failure();
  }
  if (runtime::file_exists(options.activations)) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, given_text(options),
                  fmt::format("{} reads a text, and this is a file", trained.model.name))
        .suggest(fmt::format("--activations \"$(head -c 60 {})\"", options.activations));
    return Failure();
  }
  Result<Activations> seen =
      activations_of_text(session, trained, model, options.activations, "--activations");
  if (!seen) return Failure();
  return Seen{std::move(*seen), fmt::format("\"{}\"", options.activations)};
}

Result<Seen> see_row(Session& session, const Trained& trained, const ActivationModel& model) {
  const Options& options = session.options;
  if (model.columns.empty()) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, given_text(options), trained.model.name + " takes no data")
        .suggest(fmt::format("nnc predict {} --values", options.arguments[0]));
    return Failure();
  }
  std::error_code error;
  if (options.activations != "-" && !std::filesystem::exists(options.activations, error)) {
    session.diagnostics.error_at(DiagnosticKind::file_not_found, given_text(options), "no such file")
        .suggest(fmt::format("{} takes a file as nnc predict does; a text is for models of text",
                             trained.model.name));
    return Failure();
  }
  const Result<runtime::Dataset> data = runtime::load_rows(
      trained.run.config, trained.run.fitted, options.activations, model.columns, session.diagnostics);
  if (!data) return Failure();
  if (options.row >= data->rows) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, fmt::format("--row {}", options.row),
                  fmt::format("{} has {}", options.activations, count_text(data->rows, "row")))
        .suggest(data->rows > 0 ? fmt::format("--row 0 to --row {}", data->rows - 1) : "");
    return Failure();
  }
  Result<Activations> seen = activations_of_row(session, trained, model, *data, options.row);
  if (!seen || !runtime::check_unchanged({&*data}, session.diagnostics)) return Failure();
  return Seen{std::move(*seen), fmt::format("row {} of {}", options.row, options.activations)};
}

// A value per line.
std::string table_of(const Activations& activations) {
  Table table("llrrrrl");
  table.row({"value", "shape", "min", "mean", "max", "zeros", ""});
  for (const Activation& value : activations.values) {
    const Summary s = summary_of(value);
    const std::string odd = s.not_finite > 0 ? fmt::format("{} not finite", s.not_finite) : "";
    const auto number = [](double x) { return std::isnan(x) ? "-" : fmt::format("{:.4g}", x); };
    table.row({value.name, fmt::format("[{}]", fmt::join(value.shape, ", ")), number(s.low), number(s.mean),
               number(s.high), fmt::format("{:.1f} %", 100 * s.zeros), odd});
  }
  return table.text();
}

Json json_of(const Session& session, const Seen& seen) {
  Json json{{"run", session.options.arguments[0]}, {"of", seen.of}};
  if (!seen.activations.words.empty()) json["words"] = seen.activations.words;
  json["values"] = Json::array();
  for (const Activation& value : seen.activations.values) {
    const Summary s = summary_of(value);
    Json one{
        {"name", value.name}, {"shape", value.shape},      {"min", s.low}, {"mean", s.mean}, {"max", s.high},
        {"zeros", s.zeros},   {"not_finite", s.not_finite}};
    one["values"] = Json::array();
    for (const float x : value.numbers) one["values"].push_back(json_number(x));
    json["values"].push_back(std::move(one));
  }
  return json;
}

Status draw(Session& session, const Trained& trained, const Seen& seen) {
  const std::string& target = session.options.output;
  if (target.ends_with(".html")) {
    Json json = activation_json(seen.activations, kPagePanels, kPageUnits);
    json["title"] = fmt::format("{} on {}", trained.model.name, seen.of);
    json["about"] = trained.checkpoint.path;
    const std::string text = page("activations", json["title"].get<std::string>(),
                                  json.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (!write_output(target, text, session.diagnostics)) return Failure();
    session.console.print("{}: {}\n", target,
                          count_text(static_cast<int64_t>(seen.activations.values.size()), "value"));
    return Done();
  }
  const ActivationSheet sheet = activation_sheet(target, seen.activations);
  if (!write_output(target, sheet.file, session.diagnostics)) return Failure();
  const size_t all = seen.activations.values.size();
  session.console.print("{}: {}{}\n", target,
                        sheet.drawn < all ? fmt::format("the first {} of ", sheet.drawn) : "",
                        count_text(static_cast<int64_t>(all), "value"));
  if (sheet.drawn < all)
    session.console.say("one picture has no room for more; --tensor 'NAME*' chooses, and a page holds all\n");
  return Done();
}

}  // namespace

int show_activations(Session& session, const std::string& path) {
  const Options& options = session.options;
  if (!options.output.empty() && !check_picture_names(session, {options.output}, true))
    return session.leave();
  const Result<Trained> trained = open_trained(session, path);
  if (!trained) return session.leave();
  Result<ActivationModel> model = build_activation_model(session, *trained);
  if (!model || !choose_values(session, *trained, *model)) return session.leave();
  const Result<Seen> seen =
      is_of_text(*trained) ? see_text(session, *trained, *model) : see_row(session, *trained, *model);
  if (!seen) return session.leave();
  if (options.json)
    write_json(session.console, json_of(session, *seen));
  else if (options.output.empty())
    session.console.write(table_of(seen->activations));
  else if (!draw(session, *trained, *seen))
    return session.leave(1);
  return session.leave();
}

}  // namespace nnc::driver
