// Reading kernel IR text: schedules.
#include <charconv>

#include "ir/kernel/parser.h"
#include "support/suggest.h"

namespace nnc::kernel {

namespace {

constexpr int64_t kMostInSchedule = int64_t{1} << 40;  // tiles, blocks

}  // namespace

Schedule Parser::schedule() {
  Schedule result;
  if (!accept("schedule")) return result;
  expect("{", "after `schedule`");
  while (!failed_ && !at("}")) {
    Token field = take();
    if (field.is("lanes")) {
      result.lanes = known_axis(name("the axis that vectors run along"));
    } else if (field.is("tile")) {
      result.rows = integer("a tile's rows", 0, kMostInSchedule);
      Token by = peek();
      int64_t cols = 0;
      const char* end = by.text.data() + by.text.size();
      if (by.kind != TokenKind::name || by.text.size() < 2 || by.text[0] != 'x' ||
          std::from_chars(by.text.data() + 1, end, cols).ptr != end || cols < 0 || cols > kMostInSchedule) {
        expected("`x` and a tile's columns, as in 8x32");
        return result;
      }
      take();
      result.cols = cols;
      if (accept("beside"))
        result.beside = known_axis(name("the axis that vectors lie beside each other along"));
    } else if (field.is("block")) {
      result.block = integer("a block of terms", 1, kMostInSchedule);
      if (accept("in")) result.waiting = buffer(name("the local in which sums wait"));
      if (accept("from")) result.packed = buffer(name("the local into which an operand is copied"));
    } else {
      std::vector<std::string> known = {"lanes", "tile", "block"};
      std::optional<std::string> near = suggest(field.text, known);
      error(DiagnosticKind::kernel_syntax, field.span,
            "expected a field of a schedule (lanes, tile, block), found " + describe(field))
          .suggest(near ? "did you mean `" + *near + "`?" : "");
    }
    if (!accept(",")) break;
  }
  expect("}", "after the schedule");
  return result;
}

}  // namespace nnc::kernel
