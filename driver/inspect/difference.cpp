// See difference.h. The longest common subsequence is that of the library dtl (Wu et al., "An O(NP) Sequence Comparison
// Algorithm", 1990).
#include "driver/inspect/difference.h"

#include <map>

#include "dtl/dtl.hpp"
#include "support/plural.h"

namespace nnc::driver {
namespace {

// What a line of a graph defines: "%h" of "  %h = …"; "" where it defines nothing.
std::string defined_by(const std::string& line) {
  const size_t begin = line.find_first_not_of(' ');
  const size_t end = line.find(" = ");
  if (begin == std::string::npos || line[begin] != '%' || end == std::string::npos) return "";
  return line.substr(begin, end - begin);
}

StageText passing(const StageText& stage, const Filter& filter, const Sources& sources) {
  StageText out{stage.stage, {}, {}, {}};
  for (const size_t i : matching(stage, filter, sources)) {
    out.lines.push_back(stage.lines[i]);
    out.sources.push_back(stage.sources[i]);
    if (!stage.kernels.empty()) out.kernels.push_back(stage.kernels[i]);
  }
  return out;
}

}  // namespace

Difference difference(const StageText& before, const StageText& after, const Filter& filter,
                      const Sources& sources, bool sourced, bool color) {
  const StageText a = passing(before, filter, sources), b = passing(after, filter, sources);
  dtl::Diff<std::string> diff(a.lines, b.lines);
  diff.compose();
  Difference out;
  std::map<std::string, int> defined;  // 1: in the first, 2: in the second, 3: in both
  size_t at_a = 0, at_b = 0;
  const auto add = [&](const StageText& stage, size_t line, std::string_view sign, int which) {
    const std::string text = text_of(stage, {line}, sources, sourced, false);
    constexpr std::string_view kGone = "\x1b[31m", kMade = "\x1b[32m", kPlain = "\x1b[0m";
    const std::string whole = std::string(sign) + text.substr(0, text.size() - 1);
    out.text += (color ? fmt::format("{}{}{}", which == 1 ? kGone : kMade, whole, kPlain) : whole) + "\n";
    if (const std::string name = defined_by(stage.lines[line]); !name.empty()) defined[name] |= which;
  };
  for (const auto& [line, info] : diff.getSes().getSequence()) {
    if (info.type == dtl::SES_DELETE)
      add(a, at_a++, "- ", 1);
    else if (info.type == dtl::SES_ADD)
      add(b, at_b++, "+ ", 2);
    else
      ++at_a, ++at_b;
  }
  for (const auto& [name, where] : defined) ++(where == 1 ? out.gone : where == 2 ? out.made : out.changed);
  return out;
}

std::string summary(const Difference& difference) {
  if (difference.empty()) return "nothing changes";
  std::string out;
  const auto add = [&](size_t count, const std::string& what) {
    if (count > 0) out += (out.empty() ? "" : ", ") + what;
  };
  add(difference.gone, plural(static_cast<int64_t>(difference.gone), "value") + " gone");
  add(difference.made, fmt::format("{} new", difference.made));
  add(difference.changed, fmt::format("{} computed otherwise", difference.changed));
  return out.empty() ? "the signature or the outputs change" : out;
}

}  // namespace nnc::driver
