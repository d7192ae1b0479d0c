// nnc reduce FILE: a failing graph or model made small for as long as it fails: a stage of the compiler changes a value
// (--verify-passes), the compiler stops (--crash), or a command of the user's exits with 0.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <span>

#include "driver/commands/commands.h"
#include "driver/output_file.h"
#include "driver/pass_names.h"
#include "driver/reducing.h"
#include "driver/verify_passes.h"
#include "reduce/graph.h"
#include "reduce/model_text.h"
#include "runtime/training/stop_signal.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

constexpr int kInterrupted = 130;

bool is_graph(const std::string& path) {
  return path.ends_with(".nnir");
}

// The words after FILE; an error where none of them says where the candidate goes.
Result<std::vector<std::string>> command_of(Session& session) {
  std::vector<std::string> words(session.options.arguments.begin() + 1, session.options.arguments.end());
  const bool says_where = std::ranges::any_of(
      words, [](const std::string& word) { return word.find("{}") != std::string::npos; });
  if (words.empty() || says_where) return words;
  session.diagnostics
      .error_at(
          DiagnosticKind::bad_flag, "nnc reduce",
          fmt::format("the command {} does not say where the candidate's path goes", fmt::join(words, " ")))
      .suggest(
          fmt::format("nnc reduce {} -- {} {{}}", session.options.arguments.front(), fmt::join(words, " ")));
  return Failure();
}

// FILE.nn becomes a smaller one, or a graph where -o says so; a graph becomes a graph.
Result<std::string> output_path(Session& session, const std::string& input) {
  const std::string& named = session.options.output;
  const std::string extension = is_graph(input) ? ".nnir" : ".nn";
  if (named.empty()) return std::filesystem::path(input).stem().string() + "-reduced" + extension;
  if (is_graph(named) || (named.ends_with(".nn") && !is_graph(input))) return named;
  session.diagnostics.error_at(
      DiagnosticKind::bad_flag, "-o " + named,
      is_graph(input) ? "a graph becomes a FILE.nnir" : "a model becomes a FILE.nn or a FILE.nnir");
  return Failure();
}

std::string lines_text(const std::string& text) {
  return plural(std::ranges::count(text, '\n'), "line");
}

std::string graph_size(const Graph& graph) {
  const auto computed =
      std::ranges::count_if(graph.nodes, [](const Node& node) { return node.op != Op::input; });
  return fmt::format("{} and {} in {}", plural(computed, "node"),
                     plural(static_cast<int64_t>(graph.outputs.size()), "output"), lines_text(print(graph)));
}

// A word as a shell reads it.
std::string shell_word(const std::string& word) {
  const bool is_plain = !word.empty() && std::ranges::all_of(word, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-./=,:@%+").find(c) != std::string_view::npos;
  });
  if (is_plain) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

class Reducing {
 public:
  Reducing(Session& session, const Trial& trial, std::string input, std::string output)
      : session_(session), trial_(trial), input_(std::move(input)), output_(std::move(output)) {
    search_.stopped = runtime::StopSignal::requested;
    if (session.console.live())
      search_.tried_one = [this] {
        session_.console.say("\r{} tried, {} kept\x1b[K", search_.tried, search_.kept);
      };
  }

  Status graph(const Graph& given) {
    if (!starts(trial_.of(given))) return Failure();
    const Graph small = reduce::reduce_graph(
        given, [&](const Graph& candidate) { return trial_.of(candidate).is_same(failure_); }, search_);
    return finish(print(small), graph_size(given), graph_size(small));
  }

  Status model(const std::string& given) {
    if (!starts(trial_.of(given, input_))) return Failure();
    const std::string small = reduce::reduce_model(
        given, [&](const std::string& candidate) { return trial_.of(candidate, input_).is_same(failure_); },
        search_);
    return finish(small, lines_text(given), lines_text(small));
  }

  int exit_code() const { return runtime::StopSignal::requested() ? kInterrupted : 0; }

 private:
  // Says what fails, or refuses; also where the result cannot be written, before all the work.
  Status starts(Outcome first) {
    if (!file_.open(output_, session_.diagnostics)) return Failure();
    const Options& options = session_.options;
    const bool is_wanted = !(options.verify_passes && first.kind == Outcome::Kind::crashed) &&
                           !(options.crash && first.kind == Outcome::Kind::changed);
    if (first.is_failure() && is_wanted) {
      failure_ = std::move(first);
      session_.console.print("{}: {}\n", input_, told(failure_));
      return Done();
    }
    // What a model is refused for, in full.
    if (first.kind == Outcome::Kind::refused) {
      const Result<Module> module = load_module(session_, input_);
      if (module) static_cast<void>(choose_graph(session_, *module));
      if (session_.diagnostics.has_errors()) return Failure();
    }
    session_.diagnostics
        .error_at(DiagnosticKind::does_not_fail, input_,
                  first.is_failure()                     ? told(first)
                  : !first.sentence.empty()              ? first.sentence
                  : first.kind == Outcome::Kind::refused ? "differentiation refuses it, which is no failure"
                                                         : "every stage of the compiler keeps its values")
        .suggest(
            "nnc reduce takes what fails: nnc opt FILE --verify-passes names the stage that changes a value");
    return Failure();
  }

  static std::string told(const Outcome& outcome) {
    switch (outcome.kind) {
      case Outcome::Kind::changed:
        return fmt::format("{} changes a value: {}", outcome.which, outcome.sentence);
      case Outcome::Kind::crashed:
        return "the compiler stops: " + outcome.sentence;
      default:
        return outcome.sentence;
    }
  }

  Status finish(const std::string& text, const std::string& before, const std::string& after) {
    if (session_.console.live()) session_.console.say("\r\x1b[K");
    std::fwrite(text.data(), 1, text.size(), file_.file());
    if (!file_.finish(session_.diagnostics)) return Failure();
    Console& console = session_.console;
    console.print("{} became {}: {} tried, {} kept{}\n{} fails in the same way: {}\n", before, after,
                  plural(search_.tried, "candidate"), search_.kept,
                  runtime::StopSignal::requested() ? ", then interrupted" : "", output_, reproduction());
    return Done();
  }

  // The command that shows the failure again.
  std::string reproduction() const {
    const Options& options = session_.options;
    if (failure_.kind == Outcome::Kind::command) {
      std::string text;
      for (std::string word : std::span(options.arguments).subspan(1)) {
        if (const size_t at = word.find("{}"); at != std::string::npos) word.replace(at, 2, output_);
        text += (text.empty() ? "" : " ") + shell_word(word);
      }
      return text;
    }
    std::string text = fmt::format("nnc opt {} --verify-passes{}", shell_word(output_), stage_flags(options));
    if (is_graph(output_)) return text;
    if (options.gave("--graph")) text += " --graph=" + options.graph;
    for (const std::string& define : options.defines) text += " -D " + shell_word(define);
    if (options.gave("--optimizer")) text += " --optimizer " + shell_word(options.optimizer);
    return text;
  }

  Session& session_;
  const Trial& trial_;
  std::string input_, output_;
  OutputFile file_;
  Outcome failure_;
  reduce::Search search_;
};

Status reduce_file(Session& session, int& code) {
  const std::string& input = session.options.arguments.front();
  const Result<FileKind> kind = kind_of(session, input);
  if (!kind) return Failure();
  if (input == "-" || (*kind != FileKind::graph_text && *kind != FileKind::model)) {
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, input, "nnc reduce takes a graph or a model in a file")
        .suggest("a .nnir or .nn file; nnc compile --verify-passes writes the graph of a run");
    return Failure();
  }
  const Result<std::vector<std::string>> command = command_of(session);
  const Result<std::string> output = output_path(session, input);
  const Result<std::vector<std::string>> passes = chosen_passes(session);
  if (!command || !output || !passes) return Failure();
  const runtime::StopSignal stop(true);
  const Trial trial(session.options, *command, chosen_stages(session, *passes));
  Reducing reducing(session, trial, input, *output);
  if (is_graph(*output)) {
    const Result<Module> module = load_module(session, input);
    if (!module) return Failure();
    const Result<Graph> graph = choose_graph(session, *module);
    if (!graph || !reducing.graph(*graph)) return Failure();
  } else {
    const Result<ast::File> tree = parse_model(session, input);
    if (!tree || !reducing.model(session.sources[tree->file].text())) return Failure();
  }
  code = reducing.exit_code();
  return Done();
}

}  // namespace

int reduce_failing(const Options& options, Console& console) {
  Session session(options, console);
  int code = 0;
  static_cast<void>(reduce_file(session, code));  // leave() reports it
  return session.leave(code);
}

}  // namespace nnc::driver
