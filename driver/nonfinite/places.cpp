// See places.h.
#include "driver/nonfinite/places.h"

#include <algorithm>
#include <cctype>

#include "frontend/syntax/parser.h"

namespace nnc::driver {

const std::set<std::string, std::less<>>& Places::functions(FileId file) const {
  const auto [at, fresh] = functions_.try_emplace(file);
  if (!fresh) return at->second;
  Diagnostics quiet;  // said when the model was built
  const Result<ast::File> tree = frontend::parse(sources_, file, quiet);
  if (!tree) return at->second;
  const auto add = [&](const ast::MemberItem& member) {
    if (const auto* function = std::get_if<ast::Function>(&member.node))
      at->second.insert(function->name.text);
  };
  for (const ast::Item& item : tree->items) {
    if (const auto* member = std::get_if<ast::MemberItem>(&item.node)) add(*member);
    if (const auto* declaration = std::get_if<ast::Declaration>(&item.node))
      std::for_each(declaration->members.begin(), declaration->members.end(), add);
  }
  return at->second;
}

PlaceKind Places::kind(Span span) const {
  const std::string_view text = sources_.text(span);
  const auto letter = [](unsigned char c) { return c >= 0x80 || std::isalnum(c) != 0 || c == '_'; };
  const auto end = std::find_if_not(text.begin(), text.end(), letter);
  if (end == text.end()) return PlaceKind::name;
  const std::string_view called = text.substr(0, static_cast<size_t>(end - text.begin()));
  return *end == '(' && functions(span.file).contains(called) ? PlaceKind::call : PlaceKind::expression;
}

Span Places::best(const Node& node, bool library) const {
  Span best;
  const auto rank = [&](Span span) { return std::pair(kind(span), span.end - span.begin); };
  for (const Span& span : node.spans)
    if (span.valid() && sources_.is_library(span) == library && (!best.valid() || rank(span) < rank(best)))
      best = span;
  return best;
}

}  // namespace nnc::driver
