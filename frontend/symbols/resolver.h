// The walk that finds every use of a name (for symbols.cpp alone): scopes as docs/language.md has them, "What goes where".
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/symbols/symbols.h"

namespace nnc::frontend {

class Resolver {
 public:
  // Uses are noted of `file` only; of none if it is invalid.
  Resolver(Symbols& symbols, FileId file) : s_(symbols), file_(file) {}

  // An import, a declaration, a function or a member at top level. `model` is the file's.
  void item(const ast::Item& item, SymbolId model, bool has_model);
  // Which members of the body hold layers.
  void find_layers(SymbolId body, const std::vector<const ast::MemberItem*>& members, const FileScope& file);

 private:
  // Where names are looked up: one body.
  struct Scope {
    const FileScope* file = nullptr;
    SymbolId body;  // the model or layer whose members it sees; may be invalid
    std::map<std::string, SymbolId, std::less<>> locals;
    std::set<std::string, std::less<>> inherited;  // those that a binding here does not rebind but hides
    Span range;                                    // where its locals can be seen
    bool closed_sizes = false;                     // a signature binds none
    const std::vector<ast::Name>* own_names =
        nullptr;  // of the member that is defined: they have their earlier meaning
  };

  SymbolId lookup(const std::string& name, const Scope& scope);
  void use(Span span, SymbolId what, Span place, bool binds = false);
  void use_name(const ast::Name& name, const Scope& scope, bool binds);
  // A local of the scope: the one that has the name already, or a new one.
  void bind(const ast::Name& name, Scope& scope, SymbolKind kind = SymbolKind::local);

  void declaration(const ast::Declaration& declaration);
  void member(const ast::MemberItem& item, SymbolId body);
  void member_binding(const ast::MemberBinding& member, SymbolId body);
  void rule(const ast::Rule& rule, SymbolId optimizer, Span range);
  // The arguments of a function, a goal or a declaration into `scope`, with their defaults and types.
  void signature(const std::vector<ast::Parameter>& parameters, SymbolId callee, Scope& scope);
  void sizes(const std::vector<ast::Parameter>& parameters, Scope& scope, bool computed);
  void type(const ast::Type& type, Scope& scope);
  void body(const ast::Body& body, Scope& scope);
  void block(const ast::Block& block, Scope& scope);
  void binding(const ast::Binding& binding, Scope& scope);
  void saved_name(const ast::Name& text, Scope& scope);

  void expr(const ast::ExprPtr& expr, Scope& scope);
  void call(const ast::Call& call, const ast::Expr& expr, Scope& scope, bool piped);
  void member_of(const ast::Member& member, Scope& scope);
  void comprehension(const ast::Comprehension& comprehension, const ast::Expr& expr, const Scope& scope);
  void scan(const ast::Scan& scan, const ast::Expr& expr, Scope& scope);

  Symbols::Held held_by(const ast::Expr& expr, const Scope& scope);
  SymbolId called_by(const ast::Expr& callee, const Scope& scope);  // what a call of it runs; may be invalid
  SymbolId member_named(const ast::Member& member, const Scope& scope);

  Symbols& s_;
  FileId file_;
};

}  // namespace nnc::frontend
