// Reading kernel IR text: programs, and the two entry points.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ir/kernel/parser.h"
#include "ir/kernel/text.h"
#include "ir/kernel/verify.h"
#include "support/suggest.h"

namespace nnc::kernel {

Program Parser::program() {
  Program result;
  slots_.clear();
  launches_.clear();
  item_spans_.clear();
  std::unordered_map<std::string, KernelId> kernels;
  bool seen = false;
  while (!failed_ && peek().kind != TokenKind::end) {
    if (at("kernel")) {
      Kernel kernel = this->kernel();
      if (failed_) break;
      KernelId id = result.kernels.next_id();
      auto [it, fresh] = kernels.emplace(kernel.name, id);
      if (!fresh) {
        error(DiagnosticKind::kernel_name, kernel_spans_.back(),
              "a second kernel named `" + kernel.name + "`")
            .label(kernel_spans_[it->second.index], "the first one");
      }
      result.kernels.push_back(std::move(kernel));
      continue;
    }
    Token first = peek();
    if (!accept("program")) {
      expected("`program` or `kernel`");
      break;
    }
    if (seen) error(DiagnosticKind::kernel_syntax, first.span, "a second program in one text");
    seen = true;
    result.name = name_after_at("the program's name").text;
    if (accept("batch")) result.batch = integer("the rows of a batch", 1, int64_t{1} << 31);
    expect("{", "before the program's slots and launches");
    while (!failed_ && !at("}") && peek().kind != TokenKind::end) {
      if (accept("slot")) {
        slot(result);
      } else if (at("launch")) {
        launch(result);
      } else if (at("barrier")) {
        item_spans_.push_back(take().span);
        result.items.emplace_back(Barrier());
      } else {
        expected("`slot`, `launch` or `barrier`");
      }
    }
    expect("}", "after the program");
  }
  if (!failed_ && !seen && result.kernels.empty()) expected("`program` or `kernel`");
  for (const auto& [item, called] : launches_) {
    if (failed_) break;
    auto it = kernels.find(called.text);
    if (it != kernels.end()) {
      std::get<Launch>(result.items[item]).kernel = it->second;
      continue;
    }
    std::vector<std::string> known;
    for (const Kernel& kernel : result.kernels) known.push_back(kernel.name);
    std::optional<std::string> near = suggest(called.text, known);
    error(DiagnosticKind::kernel_name, called.span, "no kernel is named " + describe(called))
        .suggest(near ? "did you mean `" + *near + "`?" : "the kernels are defined in the same text");
  }
  return failed_ ? Program() : result;
}

void Parser::slot(Program& program) {
  Slot slot;
  Token named = name("the slot's name");
  slot.name = named.text;
  expect(":", "after the slot's name");
  Token kind = peek();
  bool known = false;
  for (size_t i = 0; i < kSlotKinds.size(); ++i) {
    if (!kind.is(kSlotKinds[i])) continue;
    slot.kind = static_cast<Slot::Kind>(i);
    known = true;
  }
  if (!known) {
    expected(fmt::format("what the slot is ({})", fmt::join(kSlotKinds, ", ")));
    return;
  }
  take();
  slot.type = tensor_type();
  slot.layout = layout();
  if (slot.kind == Slot::Kind::output)
    output_kind(slot);
  else if (slot.kind == Slot::Kind::input && accept("classes"))
    slot.classes = integer("the number of classes", 1, INT32_MAX);
  else
    slot.gradient = accept("gradient");
  if (slot.kind == Slot::Kind::constant) slot.values = values(slot.type.dtype);
  if (accept("in")) {
    expect("place", "after `in`");
    expect("of", "after `in place`");
    slot.in_place_of = known_slot("the slot whose memory is shared");
  }
  if (failed_) return;
  if (!slots_.emplace(slot.name, program.slots.next_id()).second) {
    error(DiagnosticKind::kernel_name, named.span, "a second slot named `" + slot.name + "`");
    return;
  }
  program.slots.push_back(std::move(slot));
}

// What an output is: `loss`, `gradient of w`.
void Parser::output_kind(Slot& slot) {
  for (size_t i = 1; i < kOutputKinds.size(); ++i)
    if (accept(kOutputKinds[i])) slot.output = static_cast<OutputKind>(i);
  if (!is_of_parameter(slot.output)) return;
  expect("of", "before the param's name");
  slot.of = known_slot("the param's name");
}

// A slot by its name; invalid after an error.
SlotId Parser::known_slot(std::string_view what) {
  const Token other = name(what);
  if (failed_) return {};
  const auto it = slots_.find(other.text);
  if (it != slots_.end()) return it->second;
  error(DiagnosticKind::kernel_name, other.span, "no slot is named " + describe(other))
      .suggest("a slot is declared before its name is used");
  return {};
}

// = [1, 2, …]
std::vector<double> Parser::values(DType dtype) {
  std::vector<double> values;
  expect("=", "before the constant's values");
  expect("[", "before the constant's values");
  while (!failed_ && !at("]")) {
    const bool negative = accept("-");
    const bool truth = dtype == DType::boolean && (at("true") || at("false"));
    values.push_back(truth ? take().is("true") : number(dtype, negative));
    if (!accept(",")) break;
  }
  expect("]", "after the constant's values");
  return values;
}

void Parser::launch(Program& program) {
  Token first = take();
  Token called = name_after_at("the kernel's name");
  Launch launch;
  expect("(", "before the arguments");
  while (!failed_ && !at(")")) {
    Token argument = name("a slot");
    if (failed_) return;
    auto it = slots_.find(argument.text);
    if (it == slots_.end()) {
      std::vector<std::string> known;
      for (const Slot& s : program.slots) known.push_back(s.name);
      std::optional<std::string> near = suggest(argument.text, known);
      error(DiagnosticKind::kernel_name, argument.span, "no slot is named " + describe(argument))
          .suggest(near ? "did you mean `" + *near + "`?" : "a slot is declared before its name is used");
      return;
    }
    launch.arguments.push_back(it->second);
    if (!accept(",")) break;
  }
  expect(")", "after the arguments");
  launches_.emplace_back(program.items.size(), called);
  item_spans_.push_back(since(first));
  program.items.emplace_back(std::move(launch));
}

Result<Kernel> parse_kernel(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  Parser parser(sources, file, diagnostics);
  if (parser.failed()) return Failure();
  Kernel kernel = parser.kernel();
  parser.end_of_text();
  if (parser.failed()) return Failure();
  std::vector<Finding> findings = check(kernel);
  for (const Finding& finding : findings) {
    Span where = finding.span.valid() ? finding.span : parser.kernel_spans()[0];
    diagnostics.error(DiagnosticKind::kernel_invalid, where, finding.message);
  }
  if (!findings.empty()) return Failure();
  return kernel;
}

Result<Program> parse_program(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  Parser parser(sources, file, diagnostics);
  if (parser.failed()) return Failure();
  Program program = parser.program();
  parser.end_of_text();
  if (parser.failed()) return Failure();
  bool sound = true;
  for (uint32_t i = 0; i < program.kernels.size(); ++i) {
    for (const Finding& finding : check(program.kernels[KernelId{i}])) {
      Span where = finding.span.valid() ? finding.span : parser.kernel_spans()[i];
      diagnostics.error(DiagnosticKind::kernel_invalid, where, finding.message);
      sound = false;
    }
  }
  if (!sound) return Failure();
  for (const ProgramFinding& finding : check_items(program)) {
    Span where = finding.item ? parser.item_spans()[*finding.item] : Span();
    diagnostics.error(DiagnosticKind::kernel_invalid, where, finding.message);
    sound = false;
  }
  if (!sound) return Failure();
  return program;
}

}  // namespace nnc::kernel
