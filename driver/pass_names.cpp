// See pass_names.h.
#include "driver/pass_names.h"

#include <algorithm>

#include "support/suggest.h"

namespace nnc::driver {
namespace {

Result<std::vector<std::string>> named_passes(Session& session) {
  std::vector<std::string> names;
  std::vector<std::string> known{std::string(passes::kDifferentiate)};
  for (const passes::Pass& pass : passes::all_passes()) known.emplace_back(pass.name);
  const std::string& text = session.options.passes;
  bool good = true;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty()) continue;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto near = suggest(name, known);
      session.diagnostics
          .error_at(DiagnosticKind::unknown_choice, "--passes=" + name,
                    fmt::format("the passes are {}", fmt::join(known, ", ")))
          .suggest(near ? fmt::format("did you mean {}?", *near) : "");
      good = false;
    }
    names.push_back(std::move(name));
  }
  if (!good) return Failure();
  return names;
}

// The whole pipeline without what --disable-pass leaves out.
Result<std::vector<std::string>> default_passes(Session& session) {
  const Result<std::vector<std::string>> disabled = disabled_passes(session);
  if (!disabled) return Failure();
  std::vector<std::string> names{std::string(passes::kDifferentiate)};
  for (const passes::Pass& pass : passes::all_passes())
    if (std::find(disabled->begin(), disabled->end(), pass.name) == disabled->end())
      names.emplace_back(pass.name);
  return names;
}

}  // namespace

Result<std::vector<std::string>> chosen_passes(Session& session) {
  return session.options.gave("--passes") ? named_passes(session) : default_passes(session);
}

}  // namespace nnc::driver
