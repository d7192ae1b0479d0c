// Checks on the text alone: lets that nothing reads.
#include <fmt/format.h>

#include <set>

#include "frontend/syntax/lint.h"

namespace nnc::frontend {
namespace {

// Collects the lets of one body and every name that is read in it.
struct Reader {
  std::vector<const ast::Name*> lets;
  std::set<std::string, std::less<>> read;

  void expr(const ast::ExprPtr& e) {
    if (e) std::visit(*this, e->node);
  }
  void type(const ast::Type& t) {
    for (const auto& size : t.sizes) {
      if (const auto* e = std::get_if<ast::ExprPtr>(&size)) expr(*e);
    }
  }
  void block(const ast::Block& b) {
    for (const ast::Statement& s : b.statements) {
      if (const auto* binding = std::get_if<ast::Binding>(&s.node)) {
        expr(binding->value);
        if (binding->type) type(*binding->type);
        if (binding->kind == ast::BindingKind::update || binding->is_state) continue;
        for (const ast::Name& name : binding->names) lets.push_back(&name);
      } else if (const auto* loop = std::get_if<ast::ForLoop>(&s.node)) {
        expr(loop->source);
        block(loop->body);
      } else {
        expr(std::get<ast::ExprPtr>(s.node));
      }
    }
  }
  void body(const ast::Body& b) {
    if (const auto* e = std::get_if<ast::ExprPtr>(&b)) return expr(*e);
    block(std::get<ast::Block>(b));
  }

  void operator()(const ast::Number&) {}
  void operator()(const ast::Bool&) {}
  void operator()(const ast::NoneLiteral&) {}
  void operator()(const ast::Hole&) {}
  void operator()(const ast::NameRef& n) { read.insert(n.name); }
  void operator()(const ast::Unary& u) { expr(u.operand); }
  void operator()(const ast::Binary& b) { expr(b.left), expr(b.right); }
  void operator()(const ast::Call& c) {
    expr(c.callee);
    for (const ast::Argument& a : c.arguments) expr(a.value);
  }
  void operator()(const ast::Pipe& p) { expr(p.left), expr(p.right); }
  void operator()(const ast::Member& m) { expr(m.object); }
  void operator()(const ast::Index& i) {
    expr(i.object);
    for (const ast::IndexItem& item : i.items) {
      if (const auto* e = std::get_if<ast::ExprPtr>(&item.item)) expr(*e);
      if (const auto* r = std::get_if<ast::Range>(&item.item)) expr(r->begin), expr(r->end);
    }
  }
  void operator()(const ast::List& l) {
    for (const ast::ExprPtr& e : l.items) expr(e);
  }
  void operator()(const ast::Comprehension& c) { expr(c.source), expr(c.value); }
  void operator()(const ast::If& i) {
    expr(i.condition);
    block(*i.then);
    if (i.otherwise) block(*i.otherwise);
  }
  void operator()(const ast::Scan& s) {
    for (const ast::ExprPtr& e : s.sources) expr(e);
    expr(s.axis);
    block(*s.body);
  }
};

void check_body(const ast::Body& body, Diagnostics& diagnostics) {
  Reader reader;
  reader.body(body);
  for (const ast::Name* name : reader.lets) {
    if (name->text == "_" || reader.read.count(name->text) > 0) continue;
    diagnostics.warning(DiagnosticKind::unused_let, name->span, fmt::format("{} is never used", name->text))
        .suggest("leave it out, or write _ for a value that is dropped");
  }
}

void check_member(const ast::MemberItem& item, Diagnostics& diagnostics) {
  if (const auto* function = std::get_if<ast::Function>(&item.node)) check_body(function->body, diagnostics);
  if (const auto* goal = std::get_if<ast::Goal>(&item.node)) check_body(goal->body, diagnostics);
  if (const auto* rule = std::get_if<ast::Rule>(&item.node)) {
    Reader reader;
    reader.block(rule->body);
    for (const ast::Name* name : reader.lets) {
      if (name->text == "_" || reader.read.count(name->text) > 0) continue;
      diagnostics.warning(DiagnosticKind::unused_let, name->span,
                          fmt::format("{} is never used", name->text));
    }
  }
}

}  // namespace

std::set<std::string, std::less<>> names_read(const ast::MemberItem& item) {
  Reader reader;
  if (const auto* member = std::get_if<ast::MemberBinding>(&item.node)) {
    reader.expr(member->binding.value);
    if (member->binding.type) reader.type(*member->binding.type);
    for (const ast::Name& name : member->binding.names)
      reader.read.erase(name.text);  // their earlier meaning
  } else if (const auto* function = std::get_if<ast::Function>(&item.node)) {
    reader.body(function->body);
    for (const ast::Parameter& parameter : function->parameters) {
      reader.expr(parameter.default_value);
      if (parameter.type) reader.type(*parameter.type);
    }
    if (function->result) reader.type(*function->result);
  }
  return std::move(reader.read);
}

void lint(const ast::File& file, Diagnostics& diagnostics) {
  for (const ast::Item& item : file.items) {
    if (const auto* member = std::get_if<ast::MemberItem>(&item.node)) check_member(*member, diagnostics);
    if (const auto* declaration = std::get_if<ast::Declaration>(&item.node)) {
      for (const ast::MemberItem& member : declaration->members) check_member(member, diagnostics);
    }
  }
}

}  // namespace nnc::frontend
