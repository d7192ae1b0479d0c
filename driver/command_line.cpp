// Parses the command line with CLI11. Unknown words are looked for before CLI11 parses, so that they get a suggestion in
// the words the user typed.
#include "driver/command_line.h"

#include <algorithm>
#include <span>

#include "CLI/CLI.hpp"
#include "driver/command_table.h"
#include "driver/unused_flags.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

// Usage lines in our words; everything else of the help text is CLI11's.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string) const override {
    for (const CommandRow& row : command_rows())
      if (app->get_name() == row.name)
        return fmt::format("Usage: nnc {} {} [FLAGS]\n", row.name, row.arguments);
    return "Usage: nnc COMMAND ...\n";
  }
};

int usage_error(Console& console, DiagnosticKind kind, std::string message, std::string help) {
  Diagnostics diagnostics;
  diagnostics.error_at(kind, "nnc", std::move(message)).suggest(std::move(help));
  return console.report(diagnostics, Sources());
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

// "--threads", "-D": what an option is called in messages.
std::string flag_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? "-" + option.get_snames().front() : "--" + option.get_lnames().front();
}

// Those on the command line.
std::vector<std::string> given_flags(const CLI::App& app) {
  std::vector<std::string> given;
  for (const CLI::Option* option : app.get_options())
    if (option->count() > 0 && !option->get_positional()) given.push_back(flag_name(*option));
  return given;
}

// The first long flag that `app` does not have.
std::optional<std::string> unknown_flag(const CLI::App& app, std::span<char* const> words) {
  const std::vector<std::string> known = flag_names(app);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word = std::string(words[i]).substr(0, std::string_view(words[i]).find('='));
    if (word == "--") break;
    if (word == "-e") ++i;  // an expression may look like anything
    if (word.starts_with("--") && std::find(known.begin(), known.end(), word) == known.end()) return word;
  }
  return std::nullopt;
}

// The flag that CLI11 complains of, which its messages begin with: "--steps: …"; null if it is none of them.
const CLI::Option* flag_of(const std::string& message, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options())
    if (!option->get_positional() && message.starts_with(flag_name(*option) + ":")) return option;
  return nullptr;
}

// Our checks (flag_checks.h) have their own words; what CLI11 finds by itself is put into ours here.
int complain_about(const CLI::Error& error, const CommandRow& row, const CLI::App& app, Console& console) {
  std::string message = error.what();
  std::string help = fmt::format("nnc {} --help", row.name);
  const CLI::Option* flag = flag_of(message, app);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::string word = message.substr(message.rfind(": ") + 2);
    return usage_error(console, DiagnosticKind::unknown_flag,
                       fmt::format("nnc {} has no flag {}", row.name, word), help);
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && flag != nullptr) {
    const std::string name = flag_name(*flag);
    const bool twice = message.find("received") != std::string::npos;
    message = fmt::format("{}: {}", name, twice ? "given more than once" : "its value is missing");
    help = fmt::format("{} {}{}", name, flag->get_type_name(), twice ? ", once" : "");
  }
  if (const size_t line = message.find('\n'); line != std::string::npos) {
    help = message.substr(line + 1);
    message.resize(line);
  }
  return usage_error(console, DiagnosticKind::bad_flag, message, help);
}

// What every command takes, and its own flags; in the order of the table.
std::vector<CLI::App*> add_commands(CLI::App& app, Options& options, Console& console) {
  app.set_version_flag("--version", "nnc " NNC_VERSION);
  app.footer(
      "nnc COMMAND --help says more, with an example first.\n"
      "Exit codes: 0 good, 1 the run failed, 2 usage, 3 source errors, 4 data errors, 5 diverged,\n"
      "6 damaged checkpoint, 130 interrupted.");
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(28);
  app.formatter(formatter);
  // After one command every word is an argument, though it be the name of another: nnc report run.
  app.require_subcommand(0, 1);
  std::vector<CLI::App*> commands;
  for (const CommandRow& row : command_rows()) {
    CLI::App* command = app.add_subcommand(row.name, row.about);
    command->add_option("arguments", options.arguments)->group("");
    add_flags(*command, row, options);
    command->add_flag("-q,--quiet", console.quiet, "Only errors on stderr");
    command->add_flag("-v,--verbose", console.verbose, "Say more");
    commands.push_back(command);
  }
  return commands;
}

// The exit code, once it is said that the first word is no command.
int no_command(const std::string& word, Console& console) {
  if (word.starts_with("-"))
    return usage_error(console, DiagnosticKind::unknown_flag,
                       fmt::format("a command comes first, not {}", word), "nnc --help lists the commands");
  std::vector<std::string> names;
  for (const CommandRow& row : command_rows()) names.push_back(row.name);
  const auto near = suggest(word, names);
  return usage_error(console, DiagnosticKind::unknown_command, fmt::format("unknown command {}", word),
                     near ? fmt::format("did you mean nnc {}?", *near) : "nnc --help lists the commands");
}

}  // namespace

CommandLine parse_command_line(int argc, char** argv, Options& options, Console& console) {
  CLI::App app{
      "nnc train examples/digits/digits.toml\n\nnnc compiles neural networks: a model in a small language "
      "becomes machine code for exactly its sizes and this processor.",
      "nnc"};
  const std::vector<CLI::App*> commands = add_commands(app, options, console);
  const std::span<char* const> words(argv + 1, argv + argc);
  if (words.empty()) {
    console.message(app.help());
    return {nullptr, 2};
  }
  const std::string first = words[0];
  size_t number = 0;
  while (number < command_rows().size() && command_rows()[number].name != first) ++number;
  if (number == command_rows().size()) {
    if (first == "--help" || first == "-h" || first == "help")
      return console.write(app.help()), CommandLine{};
    if (first == "--version") return console.write("nnc " NNC_VERSION "\n"), CommandLine{};
    return {nullptr, no_command(first, console)};
  }
  const CommandRow& row = command_rows()[number];
  CLI::App& command = *commands[number];
  if (const auto word = unknown_flag(command, words.subspan(1))) {
    const auto near = suggest(*word, flag_names(command));
    return {nullptr,
            usage_error(
                console, DiagnosticKind::unknown_flag, fmt::format("nnc {} has no flag {}", row.name, *word),
                near ? fmt::format("did you mean {}?", *near) : fmt::format("nnc {} --help", row.name))};
  }
  // What follows `--` are arguments, whatever they look like; CLI11 would give them to the program before the command.
  char** const end = std::find(argv, argv + argc, std::string_view("--"));
  try {
    app.parse(static_cast<int>(end - argv), argv);
  } catch (const CLI::CallForHelp&) {
    // The subcommand's own text; its one-line description makes room for the example.
    command.footer("");
    command.description(fmt::format("{}\n\n{}", row.example, row.about));
    return console.write(command.help()), CommandLine{};
  } catch (const CLI::Error& error) {
    return {nullptr, complain_about(error, row, command, console)};
  }
  if (end != argv + argc) options.arguments.insert(options.arguments.end(), end + 1, argv + argc);
  if (options.arguments.size() < row.fewest || options.arguments.size() > row.most)
    return {nullptr, usage_error(console, DiagnosticKind::bad_flag,
                                 options.arguments.size() < row.fewest
                                     ? fmt::format("nnc {} needs {}", row.name, row.arguments)
                                     : fmt::format("nnc {} does not take a further {}", row.name,
                                                   options.arguments[row.most]),
                                 fmt::format("for example {}", row.example))};
  options.given = given_flags(command);
  Diagnostics diagnostics;
  if (refuse_unused_flags(row.name, options, diagnostics))
    return {nullptr, console.report(diagnostics, Sources())};
  return {row.run, 0};
}

}  // namespace nnc::driver
