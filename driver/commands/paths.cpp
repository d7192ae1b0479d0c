// nnc paths FILE.nn RUN.toml … --optimizer …: the trajectories of optimizers and of runs over a loss of two parameters,
// as a table and as a page or picture.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "driver/commands/commands.h"
#include "driver/draw/canvas.h"
#include "driver/draw/picture.h"
#include "driver/explore/surface.h"
#include "driver/explore/trajectory.h"
#include "driver/nonfinite/not_finite.h"
#include "driver/output_file.h"
#include "driver/pages/pages.h"
#include "driver/report.h"
#include "driver/report_page/sample_picture.h"
#include "nlohmann/json.hpp"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

// Seven digits: what f32 holds.
Json rounded(double value) {
  if (!std::isfinite(value)) return nullptr;
  return std::stod(fmt::format("{:.7g}", value));
}

Json points_json(const Trajectory& trajectory) {
  Json points = Json::array();
  for (size_t i = 0; i < trajectory.points.size(); ++i)
    points.push_back(
        {rounded(trajectory.points[i][0]), rounded(trajectory.points[i][1]), rounded(trajectory.losses[i])});
  return points;
}

struct Paths {
  std::string title;   // of the file
  std::string source;  // its text
  std::array<std::string, 2> axes;
  std::vector<Trajectory> trajectories;
  Surface surface;

  int64_t steps() const {
    int64_t most = 0;
    for (const Trajectory& t : trajectories) most = std::max(most, t.steps);
    return most;
  }
};

// How many of a trajectory's points a window leaves out of the picture.
int64_t outside(const Trajectory& trajectory, const View& view) {
  return std::count_if(trajectory.points.begin(), trajectory.points.end(), [&](const Point& p) {
    return p[0] < view.low[0] || p[0] > view.high[0] || p[1] < view.low[1] || p[1] > view.high[1];
  });
}

Json common_json(const Paths& paths) {
  Json json;
  json["title"] = paths.title;
  json["axes"] = paths.axes;
  json["steps"] = paths.steps();
  json["trajectories"] = Json::array();
  for (const Trajectory& t : paths.trajectories)
    json["trajectories"].push_back({{"name", t.name},
                                    {"detail", t.detail},
                                    {"steps", t.steps},
                                    {"outside", outside(t, paths.surface.view)},
                                    {"points", points_json(t)}});
  json["minima"] = Json::array();
  for (const Minimum& m : paths.surface.minima)
    json["minima"].push_back(
        {{"at", {rounded(m.at[0]), rounded(m.at[1])}}, {"loss", rounded(m.loss)}, {"global", m.global}});
  return json;
}

std::string page_json(const Paths& paths) {
  Json json = common_json(paths);
  const Surface& surface = paths.surface;
  json["source"] = paths.source;
  json["view"] = {{"x", {rounded(surface.view.low[0]), rounded(surface.view.high[0])}},
                  {"y", {rounded(surface.view.low[1]), rounded(surface.view.high[1])}}};
  json["grid"] = surface.grid;
  json["shade"] = base64(surface.shade);
  json["contours"] = Json::array();
  for (const Contour& contour : surface.contours) {
    Json labels = Json::array();
    for (const ContourLabel& label : contour.labels)
      labels.push_back({label.x, label.y, std::round(label.angle * 1000) / 1000});
    json["contours"].push_back(
        {{"value", rounded(contour.value)}, {"lines", contour.lines}, {"labels", std::move(labels)}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_table(const Paths& paths) {
  Table table("llr");
  table.row({"optimizer", fmt::format("{}, {}", paths.axes[0], paths.axes[1]), "loss"});
  std::string details;
  for (const Trajectory& t : paths.trajectories) {
    const Point end = t.points.back();
    table.row({t.name, fmt::format("{:.5g}, {:.5g}", end[0], end[1]),
               fmt::format("{:.5g}", t.losses.back()) +
                   (t.points.size() == static_cast<size_t>(t.steps) + 1
                        ? ""
                        : fmt::format(", then not finite at step {}", t.points.size()))});
    if (!t.detail.empty()) details += fmt::format("{}: {}\n", t.name, t.detail);
    if (const int64_t left_out = outside(t, paths.surface.view); left_out > 0)
      details += fmt::format("{}: {} of its {} points {} outside the picture\n", t.name, left_out,
                             t.points.size(), left_out == 1 ? "lies" : "lie");
  }
  const Trajectory& first = paths.trajectories.front();
  std::string out =
      fmt::format("{} steps from ({:.5g}, {:.5g}), loss {:.5g}\n{}{}", paths.steps(), first.points.front()[0],
                  first.points.front()[1], first.losses.front(), table.text("  "), details);
  const auto lowest = std::count_if(paths.surface.minima.begin(), paths.surface.minima.end(),
                                    [](const Minimum& m) { return m.global; });
  const auto& minima = paths.surface.minima;
  constexpr size_t kMostLines = 12;
  if (paths.surface.level) out += "the loss is the same everywhere in the picture\n";
  for (size_t i = 0; i < std::min(kMostLines, minima.size()); ++i) {
    const Minimum& m = minima[i];
    const std::string which = !m.global     ? "local minimum"
                              : lowest == 1 ? "lowest minimum"
                                            : fmt::format("one of {} lowest minima", lowest);
    out += fmt::format("{} at ({:.5g}, {:.5g}), loss {:.5g}\n", which, m.at[0], m.at[1], m.loss);
  }
  if (minima.size() > kMostLines) out += fmt::format("and {} more minima\n", minima.size() - kMostLines);
  return out;
}

// "examples/surfaces/beale.nn" → "beale"
std::string stem(const std::string& path) {
  const std::string name = path.substr(path.find_last_of('/') + 1);
  return name.substr(0, name.find_last_of('.'));
}

Status draw(Session& session, const Paths& paths, const std::string& target) {
  const Picture picture{paths.title, paths.axes, paths.surface, paths.trajectories};
  const std::string bytes =
      target.ends_with(".html") ? page("paths", paths.title, page_json(paths)) : picture_of(target, picture);
  if (!write_output(target, bytes, session.diagnostics)) return Failure();
  session.console.say("{} ({})\n", target, bytes_text(bytes.size()));
  return Done();
}

// "x0:x1,y0:y1", checked by the command line.
View window_of(const std::string& text) {
  View view;
  std::sscanf(text.c_str(), "%lf:%lf,%lf:%lf", &view.low[0], &view.high[0], &view.low[1], &view.high[1]);
  return view;
}

// What is walked over: the model, and the run files whose phases are walked.
struct Given {
  ast::File tree;
  std::string path;  // of the model
  std::vector<runtime::RunConfig> runs;
};

Status add_run(Session& session, const std::string& path, Given& given) {
  Result<runtime::RunConfig> config = load_run(session, path);
  if (!config) return Failure();
  const auto place = [](const std::string& file) { return std::filesystem::weakly_canonical(file).string(); };
  if (given.path.empty()) given.path = config->model;
  const bool same_arguments = given.runs.empty() || config->arguments == given.runs.front().arguments;
  if (place(config->model) != place(given.path) || !same_arguments) {
    session.diagnostics
        .error_at(DiagnosticKind::not_a_surface, path,
                  fmt::format("this is another surface: {}{}", config->model,
                              same_arguments ? "" : " with other arguments"))
        .suggest("run nnc paths once for each");
    return Failure();
  }
  given.runs.push_back(std::move(*config));
  return Done();
}

// The first file says which model; each run file is a trajectory.
Result<Given> read_files(Session& session) {
  Given given;
  for (const std::string& path : session.options.arguments) {
    const Result<FileKind> kind = kind_of(session, path);
    if (!kind) return Failure();
    if (*kind == FileKind::run_file) {
      if (!add_run(session, path, given)) return Failure();
    } else if (given.path.empty()) {
      Result<ast::File> tree = parse_model_alone(session, path, "nnc paths");
      if (!tree) return Failure();
      given.path = path;
      given.tree = std::move(*tree);
    } else {
      session.diagnostics.error_at(DiagnosticKind::not_a_surface, path, "one surface at a time is drawn")
          .suggest("a run file for each optimizer, or --optimizer");
      return Failure();
    }
  }
  if (given.tree.file.valid()) return given;
  Result<ast::File> tree = parse_model(session, given.path);
  if (!tree) return Failure();
  given.tree = std::move(*tree);
  return given;
}

// The calls of --optimizer; plain descent if nothing at all says how to walk.
std::vector<std::string> calls(const Options& options, const Given& given) {
  if (!options.optimizers.empty() || !given.runs.empty()) return options.optimizers;
  return {"sgd"};
}

// How the calls of --optimizer are built: with the run file's arguments, if there is one.
Result<frontend::BuildOptions> options_for(Session& session, const Given& given, const std::string& call) {
  if (given.runs.empty()) {
    Result<frontend::BuildOptions> built = build_options(session);
    if (built) built->optimizer = call;
    return built;
  }
  runtime::Phase phase;
  phase.optimizer = call;
  return build_options(given.runs.front(), phase);
}

// All trajectories, and a stepper and a plane to look at the surface with.
struct Walked {
  std::vector<Trajectory> trajectories;
  std::optional<Plane> plane;
  std::unique_ptr<Stepper> stepper;
  std::optional<frontend::Exploration> exploration;  // of the stepper
  uint64_t seed = 0;
};

// Why the loss is not finite where all trajectories start.
void explain_start(Session& session, const Walked& walked) {
  const std::unique_ptr<Stepper> fresh = compiled_stepper(session, *walked.exploration, walked.seed);
  if (fresh == nullptr) return;
  runtime::FailingStep step;
  step.step = step.t = 1;
  step.lr = walked.exploration->default_lr;
  step.seed = static_cast<int64_t>(walked.seed);
  step.losses = {"loss"};
  Diagnostics found;
  explain_not_finite(session, walked.exploration->graph, fresh->variables(), step, found);
  session.console.report(found, session.sources);
}

Result<Walked> walk_all(Session& session, const Given& given) {
  const Options& options = session.options;
  Walked walked;
  int64_t steps = 200;
  for (const runtime::RunConfig& run : given.runs) {
    Result<Trajectory> trajectory = walk_phases(session, given.tree, run);
    if (!trajectory) return Failure();
    steps = walked.trajectories.empty() ? trajectory->steps : std::max(steps, trajectory->steps);
    walked.trajectories.push_back(std::move(*trajectory));
  }
  if (options.path_steps > 0) steps = options.path_steps;
  const uint64_t seed = given.runs.empty() ? options.seed.value_or(0) : given.runs.front().seed;
  std::vector<std::string> all = calls(options, given);
  const bool only_runs = all.empty();
  if (only_runs) all.push_back("sgd");  // to look at the surface with
  for (const std::string& call : all) {
    const Result<frontend::BuildOptions> built = options_for(session, given, call);
    if (!built) return Failure();
    const auto exploration =
        frontend::build_exploration(given.tree, session.sources, *built, session.diagnostics);
    if (!exploration) continue;
    if (!walked.plane) walked.plane = Plane::of(session, *exploration, Span{given.tree.file, 0, 0});
    if (!walked.plane) return Failure();
    std::unique_ptr<Stepper> stepper = compiled_stepper(session, *exploration, seed);
    if (stepper == nullptr) continue;
    if (!only_runs) walked.trajectories.push_back(walk(*stepper, *walked.plane, call, steps));
    walked.stepper = std::move(stepper);
    walked.exploration = *exploration;
    walked.seed = seed;
  }
  if (session.diagnostics.has_errors()) return Failure();
  return walked;
}

}  // namespace

int paths(const Options& options, Console& console) {
  Session session(options, console);
  std::vector<std::string> targets = options.outputs;
  if (targets.empty() && !options.json) targets.push_back(stem(options.arguments.front()) + "-paths.html");
  const Status drawable = check_picture_names(session, targets, true);
  const Result<Given> given = read_files(session);
  if (!drawable || !given) return session.leave();
  const Result<Walked> walked = walk_all(session, *given);
  if (!walked) return session.leave();
  for (const Trajectory& trajectory : walked->trajectories)
    if (trajectory.points.empty()) {
      explain_start(session, *walked);
      return session.leave(5);
    }

  Paths paths;
  paths.title = stem(given->path);
  paths.source = session.sources[given->tree.file].text();
  paths.trajectories = walked->trajectories;
  paths.axes = walked->plane->axes();
  const View view = options.window.empty() ? view_of(*walked->stepper, *walked->plane, paths.trajectories)
                                           : window_of(options.window);
  paths.surface = survey(*walked->stepper, *walked->plane, view);
  if (options.json)
    write_json(console, common_json(paths));
  else
    console.write(text_table(paths));
  for (const std::string& target : targets)
    if (!draw(session, paths, target)) break;
  return session.leave();
}

}  // namespace nnc::driver
