// See model_text.h. The syntax tree says what may be cut out of the text, or stand for what; the longest cuts come first.
#include "reduce/model_text.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "frontend/syntax/parser.h"

namespace nnc::reduce {
namespace {

// The bytes [begin, end) become `text`.
struct Edit {
  uint32_t begin = 0, end = 0;
  std::string text = {};

  int64_t saved() const { return int64_t{end} - begin - static_cast<int64_t>(text.size()); }
};

// Edits that belong together.
using Cut = std::vector<Edit>;

int64_t saved(const Cut& cut) {
  int64_t bytes = 0;
  for (const Edit& edit : cut) bytes += edit.saved();
  return bytes;
}

class Cuts {
 public:
  Cuts(const Sources& sources, const ast::File& tree) : sources_(sources) {
    for (const ast::Item& item : tree.items) {
      drop(item.span);
      if (const auto* declaration = std::get_if<ast::Declaration>(&item.node)) {
        parameters(declaration->parameters);
        for (const ast::MemberItem& member : declaration->members) {
          drop(member.span);
          add(member);
        }
      } else if (const auto* member = std::get_if<ast::MemberItem>(&item.node)) {
        add(*member);
      }
    }
    for (const auto& [name, definition] : definitions_) without_name(name, definition);
    for (const auto& [value, spans] : numbers_)
      if (spans.size() > 1) smaller(value, spans);
    std::ranges::stable_sort(cuts_, std::greater<>(), saved);
  }

  std::vector<Cut> all() && { return std::move(cuts_); }

 private:
  void drop(Span span) { cuts_.push_back({{span.begin, span.end, ""}}); }
  void replace(Span span, std::string_view text) {
    cuts_.push_back({{span.begin, span.end, std::string(text)}});
  }

  // What has a name goes, with all that reads it: a pipe through it, or a call, becomes what goes in.
  void without_name(const std::string& name, Span definition) {
    Cut cut = {{definition.begin, definition.end, ""}};
    for (const auto& [whole, through, left] : readers_)
      if (through == name) cut.push_back({whole.begin, whole.end, std::string(sources_.text(left))});
    std::ranges::sort(cut, {}, &Edit::begin);
    bool are_apart = cut.size() > 1;
    for (size_t i = 1; i < cut.size(); ++i) are_apart = are_apart && cut[i - 1].end <= cut[i].begin;
    if (are_apart) cuts_.push_back(std::move(cut));
  }

  // The same whole number in several places, which may have to agree.
  void smaller(int64_t value, const std::vector<Span>& spans) {
    for (const int64_t less : {int64_t{1}, int64_t{2}, int64_t{3}, value / 2, value - 1}) {
      if (less < 1 || less >= value) continue;
      Cut cut;
      for (const Span& span : spans) cut.push_back({span.begin, span.end, std::to_string(less)});
      std::ranges::sort(cut, {}, &Edit::begin);
      cuts_.push_back(std::move(cut));
    }
  }

  // One of several that commas part.
  void drop_of_list(const std::vector<Span>& spans) {
    for (size_t i = 0; i < spans.size(); ++i) {
      Span gone = spans[i];
      if (i > 0)
        gone.begin = spans[i - 1].end;
      else if (spans.size() > 1)
        gone.end = spans[1].begin;
      drop(gone);
    }
  }

  void add(const ast::MemberItem& member) {
    if (const auto* binding = std::get_if<ast::MemberBinding>(&member.node)) {
      if (binding->binding.names.size() == 1) definitions_.emplace_back(binding->binding.names[0].text, member.span);
      expression(binding->binding.value.get());
      type(binding->binding.type);
    } else if (const auto* function = std::get_if<ast::Function>(&member.node)) {
      parameters(function->parameters);
      type(function->result);
      body(function->body);
    } else if (const auto* goal = std::get_if<ast::Goal>(&member.node)) {
      parameters(goal->parameters);
      body(goal->body);
    } else {
      block(std::get<ast::Rule>(member.node).body);
    }
  }

  void type(const std::optional<ast::Type>& type) {
    if (!type) return;
    for (const auto& size : type->sizes)
      if (const auto* extent = std::get_if<ast::ExprPtr>(&size)) expression(extent->get());
  }

  void parameters(const std::vector<ast::Parameter>& parameters) {
    std::vector<Span> spans;
    for (const ast::Parameter& parameter : parameters) {
      Span span = parameter.name.span;
      if (parameter.type) span = join(span, parameter.type->span);
      if (parameter.default_value) span = join(span, parameter.default_value->span);
      spans.push_back(span);
      type(parameter.type);
      expression(parameter.default_value.get());
    }
    drop_of_list(spans);
  }

  void body(const ast::Body& body) {
    if (const auto* value = std::get_if<ast::ExprPtr>(&body)) return expression(value->get());
    const auto& own = std::get<ast::Block>(body);
    const auto* last =
        own.statements.empty() ? nullptr : std::get_if<ast::ExprPtr>(&own.statements.back().node);
    if (last != nullptr) replace(own.span, sources_.text((*last)->span));
    block(own);
  }

  void block(const ast::Block& block) {
    for (const ast::Statement& statement : block.statements) {
      drop(statement.span);
      if (const auto* binding = std::get_if<ast::Binding>(&statement.node)) {
        expression(binding->value.get());
      } else if (const auto* loop = std::get_if<ast::ForLoop>(&statement.node)) {
        expression(loop->source.get());
        this->block(loop->body);
      } else {
        expression(std::get<ast::ExprPtr>(statement.node).get());
      }
    }
  }

  // What stands in an expression, or, of a block in it, its value.
  void part(const ast::Expr& whole, const ast::ExprPtr& part) {
    if (part == nullptr) return;
    replace(whole.span, sources_.text(part->span));
    expression(part.get());
  }
  void part(const ast::Expr& whole, const std::unique_ptr<ast::Block>& part) {
    if (part == nullptr || part->statements.empty()) return;
    if (const auto* value = std::get_if<ast::ExprPtr>(&part->statements.back().node))
      replace(whole.span, sources_.text((*value)->span));
    block(*part);
  }

  void number(const ast::Expr& whole, const ast::Number& number) {
    if (!number.is_integer) {
      if (number.value != 1) replace(whole.span, "1.0");
      return;
    }
    const auto value = static_cast<int64_t>(number.value);
    smaller(value, {whole.span});
    numbers_[value].push_back(whole.span);
  }

  void expression(const ast::Expr* whole) {
    if (whole == nullptr) return;
    std::visit([&](const auto& node) { parts(*whole, node); }, whole->node);
  }
  void parts(const ast::Expr& whole, const ast::Number& node) { number(whole, node); }
  void parts(const ast::Expr& whole, const ast::Unary& node) { part(whole, node.operand); }
  void parts(const ast::Expr& whole, const ast::Binary& node) { part(whole, node.left), part(whole, node.right); }
  void parts(const ast::Expr& whole, const ast::Pipe& node) {
    if (const auto* name = std::get_if<ast::NameRef>(&node.right->node))
      readers_.push_back({whole.span, name->name, node.left->span});
    part(whole, node.left), part(whole, node.right);
  }
  void parts(const ast::Expr& whole, const ast::Member& node) { part(whole, node.object); }
  void parts(const ast::Expr& whole, const ast::Call& node) {
    if (const auto* name = std::get_if<ast::NameRef>(&node.callee->node); name && !node.arguments.empty())
      readers_.push_back({whole.span, name->name, node.arguments[0].value->span});
    std::vector<Span> spans;
    for (const ast::Argument& argument : node.arguments) {
      spans.push_back(argument.name ? join(argument.name->span, argument.value->span) : argument.value->span);
      part(whole, argument.value);
    }
    drop_of_list(spans);
  }
  void parts(const ast::Expr& whole, const ast::Index& node) {
    part(whole, node.object);
    for (const ast::IndexItem& item : node.items) {
      if (const auto* index = std::get_if<ast::ExprPtr>(&item.item)) expression(index->get());
      if (const auto* range = std::get_if<ast::Range>(&item.item))
        expression(range->begin.get()), expression(range->end.get());
    }
  }
  void parts(const ast::Expr& whole, const ast::List& node) {
    std::vector<Span> spans;
    for (const ast::ExprPtr& item : node.items) {
      spans.push_back(item->span);
      part(whole, item);
    }
    drop_of_list(spans);
  }
  void parts(const ast::Expr& whole, const ast::Comprehension& node) {
    part(whole, node.value), part(whole, node.source);
  }
  void parts(const ast::Expr& whole, const ast::If& node) {
    part(whole, node.then), part(whole, node.otherwise);
    expression(node.condition.get());
  }
  void parts(const ast::Expr& whole, const ast::Scan& node) {
    part(whole, node.body);
    for (const ast::ExprPtr& source : node.sources) part(whole, source);
  }
  void parts(const ast::Expr&, const auto&) {}  // names and other words

  struct Reader {
    Span whole;
    std::string through;
    Span left;
  };

  const Sources& sources_;
  std::vector<Cut> cuts_;
  std::vector<std::pair<std::string, Span>> definitions_;
  std::vector<Reader> readers_;
  std::map<int64_t, std::vector<Span>> numbers_;  // by value
};

// A text with its tree.
struct Parsed {
  Sources sources;
  ast::File tree;

  const std::string& text() const { return sources[tree.file].text(); }
};

std::optional<Parsed> parsed(std::string text) {
  Parsed result;
  Diagnostics diagnostics;
  const FileId file = result.sources.add("model.nn", std::move(text));
  Result<ast::File> tree = frontend::parse(result.sources, file, diagnostics);
  if (!tree) return std::nullopt;
  result.tree = std::move(*tree);
  return result;
}

std::string without_blank_lines(const std::string& text) {
  std::string rest;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string line = text.substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r\n") != std::string::npos) rest += line;
    begin = end;
  }
  return rest;
}

// The edited text in style, if it parses. Edits are in order and apart.
std::optional<Parsed> edited(const std::string& text, std::span<const Edit> edits) {
  std::string result;
  uint32_t at = 0;
  for (const Edit& edit : edits) {
    result += text.substr(at, edit.begin - at) + edit.text;
    at = edit.end;
  }
  const std::optional<Parsed> raw = parsed(without_blank_lines(result + text.substr(at)));
  return raw ? parsed(frontend::format(raw->tree, raw->sources)) : std::nullopt;
}

}  // namespace

std::string reduce_model(const std::string& text, const std::function<bool(const std::string&)>& fails,
                         Search& search) {
  std::optional<Parsed> best = parsed(text);
  NNC_CHECK(best.has_value(), "a text that does not parse is to be reduced");
  std::set<std::string, std::less<>> known = {text};  // tried already
  const auto attempt = [&](std::span<const Edit> edits) {
    std::optional<Parsed> candidate = edited(best->text(), edits);
    if (!candidate || !known.insert(candidate->text()).second) return false;
    if (!search.keeps(candidate->text(), fails)) return false;
    best = std::move(candidate);
    return true;
  };
  std::vector<Edit> comments;
  for (const ast::Comment& comment : best->tree.comments) comments.push_back({comment.span.begin, comment.span.end});
  attempt(comments);
  for (bool is_smaller = true; is_smaller && !search.is_over();) {
    is_smaller = false;
    std::vector<Cut> cuts = Cuts(best->sources, best->tree).all();
    for (size_t i = 0; i < cuts.size() && !search.is_over(); ++i) {
      if (!attempt(cuts[i])) continue;
      is_smaller = true;
      cuts = Cuts(best->sources, best->tree).all();
    }
  }
  return best->text();
}

}  // namespace nnc::reduce
