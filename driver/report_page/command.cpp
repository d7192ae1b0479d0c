// nnc report RUN: one page about a run, as a file or served while it trains.
#include <sys/stat.h>

#include <mutex>

#include "driver/commands/commands.h"
#include "driver/compiled.h"
#include "driver/output_file.h"
#include "driver/pages/pages.h"
#include "driver/report.h"
#include "driver/report_page/activation_json.h"
#include "driver/report_page/predictions.h"
#include "driver/report_page/run_facts.h"
#include "driver/report_page/serve.h"
#include "driver/report_page/templates.h"
#include "nlohmann/json.hpp"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kGraphLines = 400;

std::string first_lines(const std::string& text, size_t lines) {
  size_t at = 0;
  for (size_t i = 0; i < lines; ++i) {
    at = text.find('\n', at);
    if (at == std::string::npos) return text;
    ++at;
  }
  const auto rest = std::count(text.begin() + static_cast<long>(at), text.end(), '\n');
  return text.substr(0, at) + fmt::format("… {} more lines; nnc inspect --stage=graph prints them\n", rest);
}

Json model_json(const Session& session, const Trained& trained) {
  Json json;
  json["name"] = trained.model.name;
  json["parameters"] = Json::array();
  for (const frontend::ParameterInfo& parameter : trained.model.parameters)
    json["parameters"].push_back({parameter.name, to_string(parameter.type), parameter.type.elements()});
  json["source"] = std::string(session.sources[trained.loaded.tree.file].text());
  const Graph* step = trained.model.module.find("train");
  json["graph"] = step == nullptr ? "" : first_lines(print(*step), kGraphLines);
  return json;
}

// The training step of the run, with the files that it is looked at with.
Result<Compiled> compile_step(Session& session, const runtime::TrainedRun& run) {
  LoadedModel loaded;
  loaded.run = runtime::trained_settings(run);
  loaded.path = run.config.model;
  loaded.options = build_options(session, *loaded.run);
  Result<ast::File> tree = parse_model(session, loaded.path);
  if (!tree) return Failure();
  loaded.tree = std::move(*tree);
  return compile_all(session, std::move(loaded));
}

// What takes its time and changes only with a new checkpoint: the model, its cost, its predictions. Returns the exit
// code; what went wrong stands in the page's notes too.
int add_model(Session& session, const runtime::TrainedRun& run, Json& json) {
  const Result<Trained> trained = open_trained(session, run, ChangedModel::warned);
  if (trained) {
    json["model"] = model_json(session, *trained);
    const Result<Compiled> compiled = compile_step(session, trained->run);
    if (compiled)
      json["compiled"] = compiled_json(*compiled, codegen_options(session.options).threads, session.sources);
    json["checkpoint"] = trained->checkpoint.path;
    json["filters"] = first_filters_of(*trained);
    const Result<Rows> rows = rows_to_evaluate(session, *trained);
    if (rows) {
      Result<Json> predictions = predictions_of(session, *trained, *rows);
      if (predictions) json["predictions"] = std::move(*predictions);
      json["templates"] = templates_of(*trained, rows->data);
      json["seen"] = seen_of(session, *trained, rows->data);
    }
  }
  if (!session.diagnostics.all().empty())
    json["notes"].push_back(
        (session.diagnostics.has_errors() ? "Not all of this run could be shown.\n" : "") +
        render_all(session.diagnostics, session.sources));
  return session.leave();
}

// What is read anew each time.
Json facts_json(const std::string& folder, const runtime::RunConfig& config) {
  Json json;
  json["title"] = last_part(folder);
  json["folder"] = folder;
  json["state"] = state_of(folder);
  json["curves"] = curves_of(folder);
  json["test"] = final_test_of(folder);
  json["environment"] = environment_of(folder);
  json["configuration"] = Json::array();
  for (const auto& [key, value] : config.values) json["configuration"].push_back({key, value});
  return json;
}

std::string text_of_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json empty_model() {
  return {{"notes", Json::array()}, {"model", nullptr},      {"compiled", nullptr}, {"predictions", nullptr},
          {"templates", nullptr},   {"checkpoint", nullptr}, {"filters", nullptr},  {"seen", nullptr}};
}

// The page's data while a run goes on. The expensive part is made again when there is a new checkpoint, at most every
// ten seconds.
class LiveReport {
 public:
  LiveReport(const Options& options, runtime::TrainedRun run) : options_(options), run_(std::move(run)) {}

  std::string data() {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto checkpoints = runtime::list_checkpoints(run_.path);
    const std::string newest = checkpoints.empty() ? "" : checkpoints.front().second;
    const bool first = model_.is_null();
    if (first || (newest != checkpoint_ && (checkpoint_.empty() || now_ms() - made_ms_ > 10'000))) {
      Console console;
      console.quiet = true;
      Session session(options_, console);
      model_ = empty_model();
      // What was fitted and its checkpoints come while it trains.
      const Result<runtime::TrainedRun> now = runtime::open_again(run_, session.sources, session.diagnostics);
      add_model(session, now ? *now : run_, model_);
      checkpoint_ = newest;
      made_ms_ = now_ms();
    }
    Json json = facts_json(run_.path, run_.config);
    json.update(model_);
    json["live"] = true;
    json["stamp"] =
        fmt::format("{} {} {}", json["curves"]["rows"].size(), json["state"].get<std::string>(), made_ms_);
    return text_of_json(json);
  }
  std::string page_text() { return page("report", last_part(run_.path), data(), true); }

 private:
  const Options& options_;
  const runtime::TrainedRun run_;
  std::mutex mutex_;
  Json model_;
  std::string checkpoint_;
  double made_ms_ = 0;
};

}  // namespace

int report(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& path = options.arguments.front();
  if (!options.output.empty() && !options.output.ends_with(".html")) {
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, "-o " + options.output, "a report is a page")
        .suggest("a name that ends in .html");
    return session.leave();
  }
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return session.leave();
  if (*kind != FileKind::run_file && *kind != FileKind::folder) {
    session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, path,
                                 "a run file or a run folder is expected");
    return session.leave();
  }
  const Result<runtime::TrainedRun> run = find_run(session, path, *kind);
  if (!run) return session.leave();
  if (options.live) {
    LiveReport live(options, *run);
    if (serve(
            session, options.port, [&] { return live.page_text(); }, [&] { return live.data(); }))
      return 0;
    return session.leave();
  }
  Json json = facts_json(run->path, run->config);
  json.update(empty_model());
  const int code = add_model(session, *run, json);
  const std::string target = options.output.empty() ? run->path + "/report.html" : options.output;
  const std::string text = page("report", last_part(run->path), text_of_json(json));
  Diagnostics problems;
  if (!write_output(target, text, problems)) return console.report(problems, session.sources);
  console.print("{}\n", target);
  console.say("{}\n", bytes_text(text.size()));
  return code;
}

}  // namespace nnc::driver
