// See reducing.h.
#include "driver/reducing.h"

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "driver/verify_passes.h"
#include "reduce/child.h"

namespace nnc::driver {
namespace {

// A candidate that takes longer, or never ends, counts as one that does not fail.
constexpr unsigned kSeconds = 600;

// What a child says of its candidate: a word, what is to stay the same, and the rest.
std::string answer_text(std::string_view kind, std::string_view which = "", std::string_view sentence = "") {
  return fmt::format("{}\n{}\n{}", kind, which, sentence);
}

Outcome outcome_of(const std::string& answer) {
  const size_t first = answer.find('\n'), second = answer.find('\n', first + 1);
  const std::string kind = answer.substr(0, first);
  return {kind == "changed"   ? Outcome::Kind::changed
          : kind == "refused" ? Outcome::Kind::refused
                              : Outcome::Kind::good,
          answer.substr(first + 1, second - first - 1), answer.substr(second + 1)};
}

// Where the compiler stopped, without what differs from candidate to candidate: the check that did not hold, the pass.
std::string place_of_crash(const std::string& said) {
  std::string place = said.substr(0, said.find('\n'));
  if (const size_t message = place.find(" does not hold: "); message != std::string::npos)
    place.resize(message);
  constexpr std::string_view kIn = "\nIt happened in ";
  if (const size_t at = said.find(kIn); at != std::string::npos) {
    const size_t begin = at + kIn.size();
    place += ", in " + said.substr(begin, said.find_first_of("@\n", begin) - begin);
    if (place.ends_with(" on ")) place.resize(place.size() - 4);
  }
  return place;
}

Outcome crashed(const reduce::Ended& ended) {
  std::string place = place_of_crash(ended.said);
  if (WIFSIGNALED(ended.status)) place = fmt::format("signal {} {}", WTERMSIG(ended.status), place);
  while (place.ends_with(' ')) place.pop_back();
  return {Outcome::Kind::crashed, place, place};
}

}  // namespace

Trial::Trial(const Options& options, std::vector<std::string> command, std::vector<std::string> stages)
    : options_(options), command_(std::move(command)), stages_(std::move(stages)) {
  if (command_.empty()) return;
  std::error_code error;
  folder_ = (std::filesystem::temp_directory_path(error) / "nnc-reduce-XXXXXX").string();
  if (mkdtemp(folder_.data()) == nullptr) folder_.clear();
}

Trial::~Trial() {
  std::error_code error;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, error);
}

Outcome Trial::by_stages(const std::function<Result<Graph>(Session&)>& candidate) const {
  const reduce::Ended ended = reduce::in_child(
      [&] {
        Console console;
        Session session(options_, console);
        const Result<Graph> graph = candidate(session);
        if (!graph) return answer_text("refused");
        validate::StagesOptions how = stages_options(session, stages_);
        how.finds_origin = false;
        const auto report = validate::check_stages(*graph, how, session.diagnostics);
        if (!report) return answer_text("refused");
        if (!report->changed) return answer_text("good");
        return answer_text("changed", report->changed->stage, report->changed->sentence);
      },
      kSeconds);
  return ended.status == 0 ? outcome_of(ended.answer) : crashed(ended);
}

Outcome Trial::by_command(const std::string& text, const std::string& extension) const {
  const std::string path = folder_ + "/candidate" + extension;
  std::ofstream file(path);
  if (folder_.empty() || !(file << text) || !file.flush())
    return {Outcome::Kind::good, "", "the candidate cannot be written to the folder of temporary files"};
  std::vector<std::string> words = command_;
  for (std::string& word : words)
    if (const size_t at = word.find("{}"); at != std::string::npos) word.replace(at, 2, path);
  const reduce::Ended ended = reduce::run_command(words, kSeconds);
  if (ended.status == 0) return {Outcome::Kind::command, "", "the command exits with 0"};
  return {Outcome::Kind::good, "",
          WIFEXITED(ended.status) ? fmt::format("the command exits with {}", WEXITSTATUS(ended.status))
                                  : fmt::format("the command ends by signal {}", WTERMSIG(ended.status))};
}

Outcome Trial::of(const Graph& graph) const {
  if (!command_.empty()) return by_command(print(graph), ".nnir");
  return by_stages([&](Session&) -> Result<Graph> { return graph; });
}

Outcome Trial::of(const std::string& text, const std::string& path) const {
  if (!command_.empty()) return by_command(text, ".nn");
  return by_stages([&](Session& session) -> Result<Graph> {
    const Result<LoadedModel> loaded = load_model_text(session, path, text);
    if (!loaded) return Failure();
    const Result<Module> module = module_of(session, *loaded);
    if (!module) return Failure();
    return choose_graph(session, *module);
  });
}

}  // namespace nnc::driver
