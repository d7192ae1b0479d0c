// nnc paths SURFACE.nn --optimizer … --optimizer …: the ways of several optimizers over a loss of two
// parameters, as a table and as a page or picture.
#include <algorithm>
#include <cmath>

#include "driver/cairo.h"
#include "driver/commands.h"
#include "driver/pages/pages.h"
#include "driver/picture.h"
#include "driver/report.h"
#include "driver/report_page/sample_picture.h"
#include "driver/surface.h"
#include "nlohmann/json.hpp"
#include "runtime/file.h"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

// Seven digits: what f32 holds.
Json rounded(double value) {
  if (!std::isfinite(value)) return nullptr;
  return std::stod(fmt::format("{:.7g}", value));
}

Json points_json(const Way& way) {
  Json points = Json::array();
  for (size_t i = 0; i < way.points.size(); ++i)
    points.push_back({rounded(way.points[i][0]), rounded(way.points[i][1]), rounded(way.losses[i])});
  return points;
}

struct Paths {
  std::string title;   // of the file
  std::string source;  // its text
  std::array<std::string, 2> axes;
  int64_t steps = 0;
  std::vector<Way> ways;
  Surface surface;
};

Json common_json(const Paths& paths) {
  Json json;
  json["title"] = paths.title;
  json["axes"] = paths.axes;
  json["steps"] = paths.steps;
  json["ways"] = Json::array();
  for (const Way& way : paths.ways)
    json["ways"].push_back({{"name", way.name}, {"points", points_json(way)}});
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
  for (const Contour& contour : surface.contours)
    json["contours"].push_back({{"value", rounded(contour.value)}, {"lines", contour.lines}});
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_table(const Paths& paths) {
  Table table("llr");
  table.row({"optimizer", fmt::format("{}, {}", paths.axes[0], paths.axes[1]), "loss"});
  for (const Way& way : paths.ways) {
    const Point end = way.points.back();
    table.row({way.name, fmt::format("{:.5g}, {:.5g}", end[0], end[1]),
               fmt::format("{:.5g}", way.losses.back()) +
                   (way.points.size() == static_cast<size_t>(paths.steps) + 1
                        ? ""
                        : fmt::format(", then not finite at step {}", way.points.size()))});
  }
  std::string out = fmt::format("{} steps from ({:.5g}, {:.5g}), loss {:.5g}\n{}", paths.steps,
                                paths.ways.front().points.front()[0], paths.ways.front().points.front()[1],
                                paths.ways.front().losses.front(), table.text("  "));
  for (const Minimum& m : paths.surface.minima)
    out += fmt::format("{} minimum at ({:.5g}, {:.5g}), loss {:.5g}\n", m.global ? "lowest" : "local",
                       m.at[0], m.at[1], m.loss);
  return out;
}

bool ends_with(const std::string& path, std::string_view suffix) {
  return path.size() > suffix.size() && path.ends_with(suffix);
}

// "examples/surfaces/beale.nn" → "beale"
std::string stem(const std::string& path) {
  const std::string name = path.substr(path.find_last_of('/') + 1);
  return name.substr(0, name.find_last_of('.'));
}

// Fails, with what is taken, for a name that says no kind of picture.
Status check_targets(Session& session, const std::vector<std::string>& targets) {
  for (const std::string& target : targets) {
    if (ends_with(target, ".html") || ends_with(target, ".svg") || ends_with(target, ".png")) continue;
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, "-o " + target, "the name does not say what to draw")
        .suggest("a name that ends in .html, .svg or .png");
  }
  const bool pictures = std::any_of(targets.begin(), targets.end(),
                                    [](const std::string& target) { return !ends_with(target, ".html"); });
  if (pictures && !session.diagnostics.has_errors() && !has_cairo())
    session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, "-o", "there is no Cairo to draw with")
        .suggest("the package libcairo2, or a page: a name that ends in .html");
  if (session.diagnostics.has_errors()) return Failure();
  return Done();
}

Status draw(Session& session, const Paths& paths, const std::string& target) {
  const Picture picture{paths.title, paths.axes, paths.surface, paths.ways};
  const std::string bytes = ends_with(target, ".html")  ? page("paths", paths.title, page_json(paths))
                            : ends_with(target, ".svg") ? picture_svg(picture)
                                                        : picture_png(picture);
  if (!runtime::write_file(target, bytes, session.diagnostics)) return Failure();
  session.console.say("{} ({})\n", target, bytes_text(bytes.size()));
  return Done();
}

}  // namespace

int paths(const Options& options, Console& console) {
  Session session(options, console);
  const std::string& path = options.arguments.front();
  const Result<ast::File> tree = parse_model_alone(session, path, "nnc paths");
  Result<frontend::BuildOptions> built = build_options(session);
  std::vector<std::string> targets = options.outputs;
  if (targets.empty() && !options.json) targets.push_back(stem(path) + "-paths.html");
  if (!check_targets(session, targets) || !tree || !built) return session.leave();

  Paths paths;
  paths.title = stem(path);
  paths.source = session.sources[tree->file].text();
  paths.steps = options.path_steps;
  std::vector<std::string> optimizers = options.optimizers;
  if (optimizers.empty()) optimizers.push_back("sgd");
  std::optional<Plane> plane;
  std::unique_ptr<Stepper> surveyor;
  for (const std::string& optimizer : optimizers) {
    built->optimizer = optimizer;
    const Result<frontend::Exploration> exploration =
        frontend::build_exploration(*tree, session.sources, *built, session.diagnostics);
    if (!exploration) continue;
    if (!plane) plane = Plane::of(session, *exploration, Span{tree->file, 0, 0});
    if (!plane) return session.leave();
    std::unique_ptr<Stepper> stepper = compiled_stepper(session, *exploration);
    if (stepper == nullptr) continue;
    paths.ways.push_back(walk(*stepper, *plane, optimizer, paths.steps));
    if (paths.ways.back().points.empty()) {
      console.message(fmt::format("nnc: error: the loss is not finite where {} starts\n", optimizer));
      return session.leave(5);
    }
    surveyor = std::move(stepper);
  }
  if (session.diagnostics.has_errors()) return session.leave();
  paths.axes = plane->axes();
  paths.surface = survey(*surveyor, *plane, view_of(*surveyor, *plane, paths.ways));
  if (options.json)
    write_json(console, common_json(paths));
  else
    console.write(text_table(paths));
  for (const std::string& target : targets)
    if (!draw(session, paths, target)) break;
  return session.leave();
}

}  // namespace nnc::driver
