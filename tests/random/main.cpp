// nnc_random: random programs, or stored ones, each in a process of its own, so that a crash is a finding like any other.
//   nnc_random --count 10000 --seed 1    programs of the seeds 1, 2, … 10000
//   nnc_random --models …                `.nn` models of these seeds, and their graphs
//   nnc_random tests/random/found        stored programs: files, or folders of them
// A program that fails is made smaller and written to --keep FOLDER (default: where the command runs). Exit code: 0
// where nothing failed, 1 otherwise.
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <new>
#include <sstream>

#include <fmt/format.h>

#include "check.h"
#include "generate.h"
#include "model_text.h"
#include "passes/pass.h"
#include "reduce/child.h"
#include "shrink.h"

namespace nnc::random {
namespace {

// What a child process leaves for its parent.
struct Board {
  Coverage coverage;
  bool has_fault = false;
  bool has_variant = false;
  char kind[32] = {};
  char sentence[4000] = {};
  char variant[400] = {};
  size_t program_size = 0;
  char program[1 << 20] = {};  // as stored
};

Board& board() {
  static Board& shared =
      *new (mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Board;
  return shared;
}

template <size_t kSize>
void write(char (&field)[kSize], const std::string& text) {
  std::snprintf(field, kSize, "%s", text.c_str());
}

void post(const Program& program) {
  const std::string text = to_text(program, std::nullopt);
  board().program_size = std::min(text.size(), sizeof board().program);
  std::memcpy(board().program, text.data(), board().program_size);
}

// Runs `work` in a child and gives back what it found wrong; how it died, if it did.
std::optional<Fault> isolated(const std::function<std::optional<Fault>()>& work) {
  Board& shared = board();
  shared.has_fault = false;
  constexpr unsigned kSeconds = 600;
  const reduce::Ended ended = reduce::in_child(
      [&]() -> std::string {
        const std::optional<Fault> fault = work();
        if (!fault) return "";
        write(shared.kind, fault->kind);
        write(shared.sentence, fault->sentence);
        shared.has_variant = fault->variant.has_value();
        if (fault->variant) write(shared.variant, to_text(*fault->variant));
        shared.has_fault = true;
        return "";
      },
      kSeconds);
  if (ended.status != 0)
    return Fault{"crash",
                 WIFSIGNALED(ended.status) ? fmt::format("signal {}\n{}", WTERMSIG(ended.status), ended.said)
                                           : ended.said,
                 {}};
  if (!shared.has_fault) return std::nullopt;
  Fault fault{shared.kind, shared.sentence, std::nullopt};
  if (shared.has_variant) fault.variant = parse_variant(shared.variant);
  return fault;
}

// Only what shows the fault again.
Plan narrowed(const Program& program, const Fault& fault) {
  Plan plan;
  if (fault.kind == "crash") return plan_for(program);
  if (!fault.variant) return plan;
  plan.whole = false;
  if (fault.kind == "bits") {
    plan.bits = {plan_for(program).bits.front(), *fault.variant};
  } else if (fault.kind == "interpreter") {
    plan.bits = {*fault.variant};
    plan.interpret = true;
  } else {
    plan.values = {*fault.variant};
  }
  return plan;
}

struct Options {
  uint64_t count = 300, seed = 1;
  bool models = false;
  std::string keep = ".";
  std::vector<std::string> paths;
};

void report(const Program& program, const Fault& fault, const std::string& name, const Options& options) {
  std::cout << fmt::format("{}: {}: {}\n", name, fault.kind, fault.sentence);
  if (fault.variant) std::cout << "  compiled: " << to_text(*fault.variant) << "\n";
  // The crash that is looked for is the same one: its first line is the same.
  const std::string first = fault.sentence.substr(0, fault.sentence.find('\n'));
  const auto fails = [&](const Program& candidate) {
    const auto found = isolated([&] {
      Coverage scratch;
      return find_fault(candidate, narrowed(candidate, fault), scratch);
    });
    return found && found->kind == fault.kind &&
           (fault.kind != "crash" || found->sentence.starts_with(first));
  };
  const Program small = shrink(program, fails);
  const std::string path = options.keep + "/" + fault.kind + "_" + name + ".nnir";
  std::ofstream(path) << to_text(small, fault.variant);
  std::cout << "  " << path << "\n" << print(small.graph) << std::endl;
}

Program posted() {
  auto stored = parse_stored({board().program, board().program_size});
  if (const std::string* wrong = std::get_if<std::string>(&stored)) {
    std::cout << *wrong << "\n";
    return {};
  }
  return std::get<Stored>(stored).program;
}

std::optional<Fault> try_graph(uint64_t seed) {
  const Program program = generate(seed);
  post(program);
  return find_fault(program, plan_for(program), board().coverage);
}

std::optional<Fault> try_model(uint64_t seed) {
  std::vector<Program> programs;
  if (auto fault = elaborate(random_model(seed), seed, programs)) return fault;
  for (const Program& program : programs) {
    post(program);
    if (auto fault = find_fault(program, plan_for(program), board().coverage)) return fault;
  }
  return std::nullopt;
}

size_t try_seeds(const Options& options) {
  size_t faults = 0;
  for (uint64_t seed = options.seed; seed < options.seed + options.count; ++seed) {
    const auto fault = isolated([&] {
      board().program_size = 0;
      return options.models ? try_model(seed) : try_graph(seed);
    });
    if (!fault) continue;
    ++faults;
    if (board().program_size == 0)
      std::cout << fmt::format("{}: while it was made: {}", seed, fault->sentence) << std::endl;
    else
      report(posted(), *fault, std::to_string(seed), options);
  }
  return faults;
}

std::vector<std::filesystem::path> files_of(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.emplace_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path))
      if (entry.path().extension() == ".nnir") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

size_t try_files(const Options& options) {
  size_t faults = 0;
  for (const std::filesystem::path& path : files_of(options.paths)) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    const auto stored = parse_stored(text.str());
    std::optional<Fault> fault;
    if (const std::string* wrong = std::get_if<std::string>(&stored)) {
      fault = Fault{"text", *wrong, {}};
    } else {
      const auto& [program, variant] = std::get<Stored>(stored);
      fault = isolated([&] { return find_fault(program, plan_for(program, variant), board().coverage); });
    }
    if (!fault) continue;
    ++faults;
    std::cout << fmt::format("{}: {}: {}", path.string(), fault->kind, fault->sentence) << std::endl;
  }
  return faults;
}

// What was tried, so that a hole in it is seen.
void summarize(const Coverage& coverage) {
  const auto share = [](const validate::Tally& tally) {
    const uint64_t all = tally.checked + tally.unchecked;
    return fmt::format("{} of {}", tally.checked, all);
  };
  std::cout << fmt::format(
      "{} programs ({} without their gradient), compiled {} times, {} values computed again\n",
      coverage.programs, coverage.refused, coverage.compiled, coverage.again);
  std::cout << fmt::format("checked: {} elements, {} derivatives\n", share(coverage.values),
                           share(coverage.gradients));
  std::cout << "programs with each op:";
  for (size_t i = 0; i < all_ops().size(); ++i)
    std::cout << fmt::format(" {} {}", all_ops()[i]->name, coverage.ops[i]);
  std::cout << "\ngraphs that each pass changed:";
  for (size_t i = 0; i < passes::all_passes().size(); ++i)
    std::cout << fmt::format(" {} {}", passes::all_passes()[i].name, coverage.passes[i]);
  std::cout << std::endl;
}

int run(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    const auto next = [&] { return i + 1 < count ? std::string(arguments[++i]) : std::string(); };
    if (argument == "--count") {
      options.count = std::stoull(next());
    } else if (argument == "--seed") {
      options.seed = std::stoull(next());
    } else if (argument == "--keep") {
      options.keep = next();
    } else if (argument == "--models") {
      options.models = true;
    } else {
      options.paths.push_back(argument);
    }
  }
  const size_t faults = options.paths.empty() ? try_seeds(options) : try_files(options);
  summarize(board().coverage);
  return faults == 0 ? 0 : 1;
}

}  // namespace
}  // namespace nnc::random

int main(int count, char** arguments) {
  return nnc::random::run(count, arguments);
}
