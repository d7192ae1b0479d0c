// From a path on the command line to a model, a graph, machine code; what flags ask of it on the way.
#include "driver/session.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "driver/flag_checks.h"
#include "driver/programs.h"
#include "driver/starter/auto_arguments.h"
#include "driver/verify_passes.h"
#include "ir/graph/verify.h"
#include "runtime/data/dataset.h"
#include "runtime/file.h"
#include "runtime/run_file/config.h"
#include "runtime/thread_pool.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

std::string extension(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  const size_t dot = path.find_last_of('.');
  return dot == std::string::npos || (slash != std::string::npos && dot < slash) ? "" : path.substr(dot);
}

// What stands before and after the first '='; reports a definition without one.
Result<std::pair<std::string, std::string>> split_definition(Session& session, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    session.diagnostics.error_at(DiagnosticKind::bad_definition, "-D " + text, "name=value is expected")
        .suggest("-D hidden=64");
    return Failure();
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Result<int64_t> batch_size(Session& session, const std::string& text) {
  int64_t batch = 0;
  const bool digits =
      !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits) batch = std::stoll(text);
  if (batch >= 1) return batch;
  session.diagnostics.error_at(DiagnosticKind::bad_definition, "-D batch=" + text,
                               "the batch size is a whole number from 1 to 999999999");
  return Failure();
}

}  // namespace

int Session::leave(int otherwise) {
  const int code = console.report(diagnostics, sources);
  return code != 0 ? code : otherwise;
}

Result<FileKind> kind_of(Session& session, const std::string& path) {
  const std::string suffix = extension(path);
  if (suffix == ".nn" || path == "-") return FileKind::model;
  if (suffix == ".toml") return FileKind::run_file;
  if (suffix == ".nnir") return FileKind::graph_text;
  if (suffix == ".nnk") return FileKind::kernel_text;
  if (suffix == ".safetensors") return FileKind::checkpoint;
  if (runtime::is_folder(path)) return FileKind::folder;
  if (!runtime::file_exists(path)) return report_missing(path, "no such file or folder", session.diagnostics);
  session.diagnostics
      .error_at(DiagnosticKind::wrong_file_kind, path, "the name does not say what kind of file this is")
      .suggest(
          "models end in .nn, run files in .toml, graphs in .nnir, kernels in .nnk, checkpoints in "
          ".safetensors");
  return Failure();
}

Result<FileId> open_source(Session& session, const std::string& path) {
  if (path == "-") return read_source(stdin, "<stdin>", session.sources, session.diagnostics);
  return open_source(path, session.sources, session.diagnostics);
}

Result<ast::File> parse_model(Session& session, const std::string& path) {
  const Result<FileId> file = open_source(session, path);
  if (!file) return Failure();
  return frontend::parse(session.sources, *file, session.diagnostics);
}

Result<ast::File> parse_model_alone(Session& session, const std::string& path, std::string_view command) {
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return Failure();
  std::string instead;
  switch (*kind) {
    case FileKind::model:
      return parse_model(session, path);
    case FileKind::run_file:
      instead = fmt::format("the .nn file that it names, or nnc train {}", path);
      break;
    case FileKind::graph_text:
      instead = fmt::format("nnc opt {}", path);
      break;
    case FileKind::kernel_text:
    case FileKind::checkpoint:
      instead = fmt::format("nnc inspect {}", path);
      break;
    case FileKind::folder:
      instead = fmt::format("nnc report {}, if it is a run's", path);
      break;
  }
  session.diagnostics
      .error_at(DiagnosticKind::wrong_file_kind, path, fmt::format("{} takes a .nn file", command))
      .suggest(std::move(instead));
  return Failure();
}

Result<runtime::RunConfig> load_run(Session& session, const std::string& path) {
  std::vector<std::string> overrides = session.options.sets;
  bool good = true;
  for (const std::string& text : session.options.defines) {
    const auto definition = split_definition(session, text);
    good = good && definition;
    if (definition)
      overrides.push_back(
          (definition->first == "batch" ? "train.batch=" : "args." + definition->first + "=") +
          definition->second);
  }
  if (session.options.seed) overrides.push_back(fmt::format("train.seed={}", *session.options.seed));
  Result<runtime::RunConfig> config =
      runtime::load_config(path, overrides, session.sources, session.diagnostics);
  if (!config || !good) return Failure();
  if (!runtime::resolve_auto_arguments(*config, auto_arguments(*config), session.diagnostics))
    return Failure();
  return config;
}

frontend::BuildOptions build_options(const runtime::RunConfig& config, const runtime::Phase& phase) {
  frontend::BuildOptions built;
  built.arguments = config.arguments;
  built.argument_spans = config.argument_spans;
  built.argument_keys = config.argument_keys;
  built.batch = config.batch;
  built.average = config.average;
  built.optimizer = phase.optimizer;
  built.optimizer_span = phase.span;
  built.clip_norm = phase.clip_norm;
  built.clip_span = phase.clip_span;
  built.accumulate = phase.accumulate;
  built.accumulate_span = phase.accumulate_span;
  for (const runtime::ParameterGroup& group : phase.groups) {
    frontend::OptimizerGroup& to = built.groups.emplace_back();
    to.match = group.match;
    to.rank = group.rank;
    to.span = group.span;
    for (const auto& a : group.arguments)
      to.arguments.push_back({a.name, a.value, a.name_span, a.value_span});
  }
  return built;
}

frontend::BuildOptions build_options(const Session& session, const runtime::RunConfig& config) {
  if (session.options.optimizer.empty()) return build_options(config, config.phases.front());
  runtime::Phase other;
  other.optimizer = session.options.optimizer;
  return build_options(config, other);
}

Result<frontend::BuildOptions> build_options(Session& session) {
  frontend::BuildOptions built;
  built.optimizer = session.options.optimizer.empty() ? "sgd" : session.options.optimizer;
  bool good = true;
  for (const std::string& text : session.options.defines) {
    const auto definition = split_definition(session, text);
    if (!definition) {
      good = false;
    } else if (definition->first == "batch") {
      const auto batch = batch_size(session, definition->second);
      good = good && batch;
      if (batch) built.batch = *batch;
    } else {
      built.arguments[definition->first] = definition->second;
    }
  }
  if (!session.options.sets.empty()) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_definition, "--set " + session.options.sets.front(),
                  "there is no run file whose keys could be set")
        .suggest("-D name=value binds an argument of the model");
    good = false;
  }
  if (!good) return Failure();
  return built;
}

namespace {

bool is_loss(const ast::MemberItem& member) {
  const auto* goal = std::get_if<ast::Goal>(&member.node);
  return goal != nullptr && goal->kind == ast::GoalKind::loss;
}

bool has_loss(const ast::File& tree) {
  return std::any_of(tree.items.begin(), tree.items.end(), [](const ast::Item& item) {
    const auto* member = std::get_if<ast::MemberItem>(&item.node);
    const auto* declaration = std::get_if<ast::Declaration>(&item.node);
    return (member != nullptr && is_loss(*member)) ||
           (declaration != nullptr && declaration->kind == ast::DeclarationKind::model &&
            std::any_of(declaration->members.begin(), declaration->members.end(), is_loss));
  });
}

void set_tree(Session& session, LoadedModel& loaded, ast::File tree) {
  loaded.tree = std::move(tree);
  // What has no loss is not trained, unless someone asks for it.
  if (!loaded.run && session.options.optimizer.empty() && !has_loss(loaded.tree))
    loaded.options.optimizer.clear();
}

}  // namespace

Result<LoadedModel> load_model(Session& session, const std::string& path) {
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return Failure();
  LoadedModel loaded;
  loaded.path = path;
  if (*kind == FileKind::run_file) {
    Result<runtime::RunConfig> config = load_run(session, path);
    if (!config) return Failure();
    loaded.options = build_options(session, *config);
    loaded.path = config->model;
    loaded.run = std::move(*config);
  } else if (*kind == FileKind::model) {
    const Result<frontend::BuildOptions> options = build_options(session);
    if (!options) return Failure();
    loaded.options = *options;
  } else {
    session.diagnostics.error_at(DiagnosticKind::wrong_file_kind, path, "a model or a run file is expected")
        .suggest("a .nn or .toml file");
    return Failure();
  }
  Result<ast::File> tree = parse_model(session, loaded.path);
  if (!tree) return Failure();
  set_tree(session, loaded, std::move(*tree));
  if (loaded.run && loaded.run->whole_batch) {
    const Result<frontend::Model> model = build(session, loaded);
    if (!model) return Failure();
    const Result<runtime::LoadedData> data = read_data(session, *loaded.run, *model);
    if (!data) return Failure();
    loaded.run->batch = loaded.options.batch = data->train.rows;
  }
  return loaded;
}

Result<LoadedModel> load_model_text(Session& session, const std::string& path, std::string text) {
  const Result<frontend::BuildOptions> options = build_options(session);
  if (!options) return Failure();
  LoadedModel loaded{path, {}, *options, std::nullopt};
  Result<ast::File> tree =
      frontend::parse(session.sources, session.sources.add(path, std::move(text)), session.diagnostics);
  if (!tree) return Failure();
  set_tree(session, loaded, std::move(*tree));
  return loaded;
}

ModelSource source_of(Session& session, const LoadedModel& loaded) {
  return {loaded.tree, loaded.options, session.sources, session.diagnostics};
}

Result<frontend::Model> build(Session& session, const LoadedModel& loaded) {
  return source_of(session, loaded).build();
}

bool only_values(const ast::File& tree) {
  return std::none_of(tree.items.begin(), tree.items.end(), [](const ast::Item& item) {
    if (const auto* declaration = std::get_if<ast::Declaration>(&item.node))
      return declaration->kind == ast::DeclarationKind::model;
    const auto* member = std::get_if<ast::MemberItem>(&item.node);
    return member != nullptr && is_loss(*member);
  });
}

Result<Module> load_module(Session& session, const std::string& path) {
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return Failure();
  if (*kind == FileKind::graph_text) {
    const Result<FileId> file = open_source(session, path);
    if (!file) return Failure();
    return parse_module(session.sources, *file, session.diagnostics);
  }
  const Result<LoadedModel> loaded = load_model(session, path);
  if (!loaded) return Failure();
  return module_of(session, *loaded);
}

Result<Module> module_of(Session& session, const LoadedModel& loaded) {
  if (only_values(loaded.tree)) {
    const Result<frontend::Exploration> exploration =
        frontend::build_exploration(loaded.tree, session.sources, loaded.options, session.diagnostics);
    if (!exploration) return Failure();
    return Module{"", {exploration->graph}};
  }
  Result<frontend::Model> model = build(session, loaded);
  if (!model) return Failure();
  return std::move(model->module);
}

Result<Graph> choose_graph(Session& session, const Module& module) {
  if (module.graphs.size() == 1 && !session.options.gave("--graph")) return module.graphs.front();
  if (const Graph* graph = module.find(session.options.graph)) {
    if (!graph->outputs.empty()) return *graph;
    session.diagnostics
        .error_at(DiagnosticKind::unknown_choice, "--graph " + graph->name,
                  "this graph is empty: neither the loss nor a metric adds up anything over a batch")
        .suggest("--graph finish has their values");
    return Failure();
  }
  std::vector<std::string> names;
  for (const Graph& graph : module.graphs) names.push_back(graph.name);
  if (!session.options.gave("--graph"))  // a model without a loss
    for (const Graph& graph : module.graphs)
      if (graph.name.starts_with("predict.")) return graph;
  const auto near = suggest(session.options.graph, names);
  session.diagnostics
      .error_at(DiagnosticKind::unknown_choice, "--graph " + session.options.graph,
                fmt::format("the graphs are {}", fmt::join(names, ", ")))
      .suggest(near ? fmt::format("did you mean {}?", *near) : "");
  return Failure();
}

Result<std::vector<std::string>> disabled_passes(Session& session) {
  for (const std::string& name : session.options.disabled_passes) {
    const passes::Pass* pass = passes::find_pass(name);
    if (pass != nullptr && !pass->required) continue;
    std::vector<std::string> names;
    for (const passes::Pass& p : passes::all_passes())
      if (!p.required) names.emplace_back(p.name);
    const auto near = suggest(name, names);
    session.diagnostics
        .error_at(DiagnosticKind::unknown_choice, "--disable-pass " + name,
                  pass != nullptr ? "the code generator needs this pass"
                                  : fmt::format("the optional passes are {}", fmt::join(names, ", ")))
        .suggest(pass == nullptr && near ? fmt::format("did you mean {}?", *near) : "");
    return Failure();
  }
  return session.options.disabled_passes;
}

Result<Graph> run_pipeline(Session& session, const Graph& graph, passes::Stage until) {
  const Result<std::vector<std::string>> disabled = disabled_passes(session);
  if (!disabled) return Failure();
  passes::PipelineOptions options;
  options.until = until;
  options.disabled = *disabled;
  return passes::run_pipeline(graph, options, session.diagnostics);
}

CodegenOptions codegen_options(const Options& options) {
  CodegenOptions codegen;
  codegen.threads = options.threads > 0 ? options.threads : runtime::default_threads();
  codegen.schedule = options.schedule != "none";
  const std::string prefix = "random:";
  if (options.schedule.starts_with(prefix))
    codegen.schedule_seed = std::stoull(options.schedule.substr(prefix.size()));
  codegen.isa = options.isa;
  codegen.vector_units = options.vector_units;
  codegen.use_cache = !options.no_cache;
  return codegen;
}

MemoryLimit memory_limit(const Options& options, uint64_t beside) {
  if (options.memory.empty()) return {};
  return {bytes_of_size(options.memory), beside, options.memory};
}

Result<Bundle> compile_graphs(Session& session, const std::vector<Graph>& graphs, double* passes_ms,
                              uint64_t beside) {
  const Result<std::vector<std::string>> disabled = disabled_passes(session);
  if (!disabled) return Failure();
  if (session.options.verify_passes && !verify_passes(session, graphs)) return Failure();
  CodegenOptions codegen = codegen_options(session.options);
  if (session.options.debug_lines) codegen.lines = &session.sources;
  return nnc::compile_graphs(graphs, *disabled, codegen, session.diagnostics, passes_ms,
                             memory_limit(session.options, beside));
}

double now_ms() {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  return Milliseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace nnc::driver
