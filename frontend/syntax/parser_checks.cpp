// Rules that hold for every program whatever its arguments, and that the grammar alone does not say: a body
// ends in its value, an `if` used as a value has both branches, every value is used, members are where
// they mean something.
#include <algorithm>
#include <map>

#include "fmt/format.h"
#include "frontend/syntax/parser_impl.h"

namespace nnc::frontend {

// `if` and `scan` inside an expression are values; their blocks are checked where they are parsed
// (expression()).
void Parser::check_if(const ast::If& node, Span place, bool wants_value) {
  if (wants_value && node.otherwise == nullptr) {
    const Span keyword{place.file, place.begin, place.begin + 2};
    error(DiagnosticKind::if_without_else, keyword, "this if is used as a value and has no else")
        .suggest("if c { a } else { b }");
  }
  check_block(*node.then, wants_value, "if");
  if (node.otherwise != nullptr) check_block(*node.otherwise, wants_value, "else");
}

void Parser::check_block(const ast::Block& block, bool wants_value, std::string_view what) {
  if (broken_blocks_.contains(block.span.begin)) return;
  for (size_t i = 0; i < block.statements.size(); ++i) {
    const ast::Statement& statement = block.statements[i];
    const bool is_value = wants_value && i + 1 == block.statements.size();
    if (const auto* loop = std::get_if<ast::ForLoop>(&statement.node)) {
      check_block(loop->body, false, "for");
      continue;
    }
    const auto* value = std::get_if<ast::ExprPtr>(&statement.node);
    if (value == nullptr) continue;
    if (const auto* choice = std::get_if<ast::If>(&(*value)->node)) {
      check_if(*choice, statement.span, is_value);
    } else if (const auto* scan = std::get_if<ast::Scan>(&(*value)->node)) {
      check_block(*scan->body, is_value, "scan");
    } else if (!is_value) {
      Diagnostic& unused = error(DiagnosticKind::unused_value, statement.span, "this value is not used");
      const auto* negative = std::get_if<ast::Unary>(&(*value)->node);
      const auto* compare = std::get_if<ast::Binary>(&(*value)->node);
      if (negative != nullptr && negative->op == ast::UnaryOp::neg && i > 0)
        unused.suggest("if it belongs to the line above, end that line with -");
      else if (compare != nullptr && compare->op == ast::BinaryOp::eq)
        unused.suggest("= defines, == compares");
      else
        unused.suggest("give it a name, or put it last if it is the result");
    }
  }
  if (!wants_value) return;
  const Span closing{block.span.file, block.span.end - 1, block.span.end};
  if (block.statements.empty()) {
    error(DiagnosticKind::body_without_value, closing,
          fmt::format("the body of {} is empty: it needs a value", what));
  } else if (!std::holds_alternative<ast::ExprPtr>(block.statements.back().node)) {
    const ast::Statement& last = block.statements.back();
    Diagnostic& missing = error(DiagnosticKind::body_without_value, last.span,
                                fmt::format("the body of {} must end with its value", what));
    if (const auto* binding = std::get_if<ast::Binding>(&last.node))
      missing.suggest(fmt::format("add a line: {}", binding->names.front().text));
  }
}

void Parser::check_twice(const std::vector<ast::Name>& names, std::string_view what) {
  std::map<std::string_view, Span> first;
  for (const ast::Name& name : names) {
    if (name.text == "_") continue;
    const auto [at, fresh] = first.emplace(name.text, name.span);
    if (!fresh)
      error(DiagnosticKind::duplicate_name, name.span, fmt::format("{} is already {}", name.text, what))
          .label(at->second, "first here");
  }
}

void Parser::check_arguments(const std::vector<ast::Parameter>& parameters) {
  std::vector<ast::Name> names;
  for (const ast::Parameter& parameter : parameters) names.push_back(parameter.name);
  check_twice(names, "an argument");
}

void Parser::check_members(const ast::Declaration* owner, const ast::MemberItem& member) {
  const bool in_optimizer = owner != nullptr && owner->kind == ast::DeclarationKind::optimizer;
  if (const auto* function = std::get_if<ast::Function>(&member.node)) {
    check_arguments(function->parameters);
  } else if (const auto* rule = std::get_if<ast::Rule>(&member.node)) {
    check_arguments(rule->parameters);
    if (!in_optimizer)
      error(DiagnosticKind::misplaced_member, rule->keyword,
            fmt::format("{} belongs to an optimizer", sources_.text(rule->keyword)))
          .suggest("optimizer mine(lr = 0.01) { update(p, g) { p <- p - lr * g } }");
  } else if (const auto* goal = std::get_if<ast::Goal>(&member.node)) {
    check_arguments(goal->parameters);
    if (in_optimizer)
      error(DiagnosticKind::misplaced_member, goal->keyword,
            fmt::format("{} belongs to a model", sources_.text(goal->keyword)));
  } else if (const auto* binding = std::get_if<ast::MemberBinding>(&member.node)) {
    if (in_optimizer && binding->role == ast::BindingRole::param)
      error(DiagnosticKind::misplaced_member, member.span, "an optimizer has no parameters of its own")
          .suggest("state keeps a tensor from step to step");
  }
}

void Parser::check_file(const ast::File& tree) {
  const ast::Declaration* model = nullptr;
  for (const ast::Item& item : tree.items) {
    const auto* declaration = std::get_if<ast::Declaration>(&item.node);
    if (declaration == nullptr) continue;
    check_arguments(declaration->parameters);
    std::vector<ast::Name> states;
    for (const ast::MemberItem& member : declaration->members) {
      check_members(declaration, member);
      const auto* state = std::get_if<ast::MemberBinding>(&member.node);
      if (state != nullptr)
        states.insert(states.end(), state->binding.names.begin(), state->binding.names.end());
    }
    // The members of models and layers are looked at when they are made.
    if (declaration->kind == ast::DeclarationKind::optimizer) {
      std::vector<ast::Name> names;  // an argument that is given twice is said already
      for (const ast::Parameter& parameter : declaration->parameters) {
        const auto is_this = [&](const ast::Name& name) { return name.text == parameter.name.text; };
        if (std::none_of(names.begin(), names.end(), is_this)) names.push_back(parameter.name);
      }
      names.insert(names.end(), states.begin(), states.end());
      check_twice(names, "a state or an argument");
    }
    if (declaration->kind != ast::DeclarationKind::model) continue;
    if (model != nullptr)
      error(DiagnosticKind::two_models, declaration->name.span, "a file has one model; this is the second")
          .label(model->name.span, "the first");
    else
      model = declaration;
  }
  for (const ast::Item& item : tree.items) {
    const auto* member = std::get_if<ast::MemberItem>(&item.node);
    if (member == nullptr) continue;
    check_members(nullptr, *member);
    if (model == nullptr || std::holds_alternative<ast::Function>(member->node) ||
        std::holds_alternative<ast::Rule>(member->node))
      continue;
    error(DiagnosticKind::misplaced_member, item.span, "this is outside the model")
        .label(model->name.span, "members belong between its braces");
  }
}

}  // namespace nnc::frontend
