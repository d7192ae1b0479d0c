// Reporting and limits: where an error inside the standard library is shown, and what stops a program that
// would never end.
#include "frontend/elaborate/elaborator.h"

#include <fmt/format.h>

namespace nnc::frontend {

Elaborator::Elaborator(const Library& the_library, Sources& the_sources, const BuildOptions& the_options,
                       Diagnostics& the_diagnostics, Mode the_mode)
    : library(the_library),
      sources(the_sources),
      options(the_options),
      diagnostics(the_diagnostics),
      mode(the_mode),
      builder(graph, Builder::Interning::on) {
  graph.batch = options.batch;
}

const Datum* Instance::argument(std::string_view name) const {
  for (const auto& [argument_name, local] : arguments) {
    if (argument_name == name) return &local.value;
  }
  return nullptr;
}

Span Instance::span_of(std::string_view name) const {
  if (const auto slot = slots.find(name); slot != slots.end()) return slot->second.span;
  for (const ast::Parameter& parameter : declared)
    if (parameter.name.text == name) return parameter.name.span;
  return {};
}

std::string Instance::display_name() const {
  std::string path;
  for (const Instance* i = this; i != nullptr && !i->is_model; i = i->parent) {
    if (!i->placed) return kind;
    path = path.empty() ? i->segment : i->segment + "." + path;
  }
  return path.empty() ? kind : path;
}

Span Elaborator::user_span(const Site& site) const {
  if (site.span.valid() && !library.is_standard(site.span)) return site.span;
  return site.frame.user_span.valid() ? site.frame.user_span : site.span;
}

Diagnostic& Elaborator::error(DiagnosticKind kind, const Site& site, std::string message) {
  const Span where = user_span(site);
  Diagnostic& diagnostic = diagnostics.error(kind, where, std::move(message));
  if (where != site.span && site.span.valid()) {
    diagnostic.label(site.span, site.frame.callee.empty() ? "here" : "in " + site.frame.callee);
  }
  return diagnostic;
}

Diagnostic& Elaborator::warning(DiagnosticKind kind, const Site& site, std::string message) {
  return diagnostics.warning(kind, user_span(site), std::move(message));
}

Datum Elaborator::not_built(const Site& site, std::string what) {
  error(DiagnosticKind::not_built, site, what + " is not built yet");
  return Poison{};
}

bool Elaborator::step(const Site& site) {
  if (stopped) return false;
  if (++steps > kMostSteps) {
    error(DiagnosticKind::too_large, site,
          "the program does not end: more than 5,000,000 steps while compiling");
    stopped = true;
  } else if (graph.nodes.size() > kMostNodes) {
    error(DiagnosticKind::too_large, site, "the program makes more than 1,000,000 operations");
    stopped = true;
  }
  return !stopped;
}

namespace {

std::string kind_name(ast::GoalKind kind) {
  switch (kind) {
    case ast::GoalKind::loss:
      return "loss";
    case ast::GoalKind::metric:
      return "metric";
    case ast::GoalKind::output:
      return "output";
  }
  return "";
}

}  // namespace

std::string goal_name(const ast::Goal& goal) {
  return goal.name ? goal.name->text : kind_name(goal.kind);
}

std::string goal_text(const ast::Goal& goal) {
  return kind_name(goal.kind) + (goal.name ? " " + goal.name->text : "");
}

}  // namespace nnc::frontend
