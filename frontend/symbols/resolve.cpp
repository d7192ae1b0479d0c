// See resolver.h.
#include <algorithm>

#include "frontend/symbols/resolver.h"

namespace nnc::frontend {
namespace {

// The name in the words of a name expression, which may have parentheses, blanks and comments around it.
Span name_within(Span span, std::string_view name, const Sources& sources) {
  const std::string_view words = sources.text(span);
  if (words == name) return span;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == '#') i = std::min(words.find('\n', i), words.size() - 1);
    if (words.substr(i).starts_with(name)) {
      const uint32_t begin = span.begin + static_cast<uint32_t>(i);
      return {span.file, begin, begin + static_cast<uint32_t>(name.size())};
    }
  }
  return span;
}

bool can_be_a_size(SymbolKind kind) {
  return kind != SymbolKind::function && kind != SymbolKind::layer && kind != SymbolKind::optimizer &&
         kind != SymbolKind::builtin && kind != SymbolKind::goal;
}

bool is_simple(const ast::Expr& expr) {
  return std::holds_alternative<ast::NameRef>(expr.node) || std::holds_alternative<ast::Number>(expr.node);
}

}  // namespace

void Resolver::item(const ast::Item& item, SymbolId model, bool has_model) {
  if (const auto* d = std::get_if<ast::Declaration>(&item.node)) return declaration(*d);
  if (const auto* m = std::get_if<ast::MemberItem>(&item.node)) member(*m, has_model ? SymbolId() : model);
}

void Resolver::declaration(const ast::Declaration& declaration) {
  const SymbolId id = s_.known_.at(&declaration);
  use(declaration.name.span, id, declaration.name.span, true);
  Scope scope;
  scope.file = s_.library_.main_scope;
  scope.range = {};  // its arguments are seen everywhere in it (Symbols::visible)
  signature(declaration.parameters, id, scope);
  for (const ast::MemberItem& item : declaration.members) {
    if (const auto* one = std::get_if<ast::Rule>(&item.node))
      rule(*one, id, item.span);
    else
      member(item, id);
  }
}

void Resolver::member(const ast::MemberItem& item, SymbolId body_of) {
  if (const auto* binding = std::get_if<ast::MemberBinding>(&item.node))
    return member_binding(*binding, body_of);
  Scope scope;
  scope.file = s_.library_.main_scope;
  scope.body = body_of;
  scope.range = item.span;
  const bool in_model = body_of.valid() && s_[body_of].kind == SymbolKind::model;
  if (const auto* function = std::get_if<ast::Function>(&item.node)) {
    const SymbolId id = s_.known_.at(function);
    use(function->name.span, id, function->name.span, true);
    scope.closed_sizes = in_model && function->name.text == "forward";
    signature(function->parameters, id, scope);
    if (function->result) type(*function->result, scope);
    body(function->body, scope);
  } else if (const auto* goal = std::get_if<ast::Goal>(&item.node)) {
    const auto known = s_.known_.find(goal);
    if (known == s_.known_.end()) return;
    const Span name = goal->name ? goal->name->span : goal->keyword;
    use(name, known->second, name, true);
    scope.closed_sizes = true;
    signature(goal->parameters, known->second, scope);
    body(goal->body, scope);
  }
}

void Resolver::member_binding(const ast::MemberBinding& member, SymbolId body_of) {
  Scope scope;
  scope.file = s_.library_.main_scope;
  scope.body = body_of;
  const ast::Binding& binding = member.binding;
  if (body_of.valid())
    for (const ast::Name& name : binding.names)
      if (const SymbolId id = s_.find(s_[body_of].members, name.text); id.valid())
        use(name.span, id, name.span, true);
  if (binding.type) type(*binding.type, scope);
  scope.own_names = &binding.names;
  expr(binding.value, scope);
  if (member.saved_as) saved_name(*member.saved_as, scope);
}

// as "weight_ih_l{k}": the names in braces.
void Resolver::saved_name(const ast::Name& text, Scope& scope) {
  for (size_t open = text.text.find('{'); open != std::string::npos; open = text.text.find('{', open + 1)) {
    const size_t close = text.text.find('}', open);
    if (close == std::string::npos) return;
    const uint32_t begin =
        text.span.begin + 2 + static_cast<uint32_t>(open);  // after the quote and the brace
    const std::string name = text.text.substr(open + 1, close - open - 1);
    const Span span{text.span.file, begin, begin + static_cast<uint32_t>(name.size())};
    use_name({name, span}, scope, false);
  }
}

void Resolver::rule(const ast::Rule& rule, SymbolId optimizer, Span range) {
  Scope scope;
  scope.file = s_.library_.main_scope;
  scope.range = range;
  for (const SymbolId id : s_[optimizer].arguments) scope.locals[s_[id].name] = id;
  for (const SymbolId id : s_[optimizer].members) scope.locals[s_[id].name] = id;
  for (const ast::Parameter& parameter : rule.parameters) {
    const Span span = parameter.name.span;
    const SymbolId id =
        s_.add({parameter.name.text, SymbolKind::given, span, span, range, optimizer, {}, {}, {}});
    scope.locals[parameter.name.text] = id;
    use(span, id, span, true);
  }
  for (const ast::Parameter& parameter : rule.parameters)
    if (parameter.type) type(*parameter.type, scope);
  block(rule.body, scope);
}

void Resolver::signature(const std::vector<ast::Parameter>& parameters, SymbolId callee, Scope& scope) {
  for (const ast::Parameter& parameter : parameters) {
    expr(parameter.default_value, scope);
    const SymbolId id = s_.find(s_[callee].arguments, parameter.name.text);
    if (!id.valid()) continue;
    scope.locals[parameter.name.text] = id;
    use(parameter.name.span, id, parameter.name.span, true);
  }
  sizes(parameters, scope, false);
  sizes(parameters, scope, true);
}

void Resolver::sizes(const std::vector<ast::Parameter>& parameters, Scope& scope, bool computed) {
  for (const ast::Parameter& parameter : parameters) {
    if (!parameter.type) continue;
    for (const auto& size : parameter.type->sizes) {
      const auto* one = std::get_if<ast::ExprPtr>(&size);
      if (one == nullptr || *one == nullptr || is_simple(**one) == computed) continue;
      const auto* name = std::get_if<ast::NameRef>(&(*one)->node);
      const SymbolId known = name == nullptr ? SymbolId() : lookup(name->name, scope);
      const bool fresh =
          name != nullptr && !scope.closed_sizes && (!known.valid() || !can_be_a_size(s_[known].kind));
      if (fresh)
        bind({name->name, name_within((*one)->span, name->name, s_.sources_)}, scope, SymbolKind::size);
      else
        expr(*one, scope);
    }
  }
}

void Resolver::type(const ast::Type& type, Scope& scope) {
  for (const auto& size : type.sizes)
    if (const auto* one = std::get_if<ast::ExprPtr>(&size)) expr(*one, scope);
}

SymbolId Resolver::lookup(const std::string& name, const Scope& scope) {
  if (const auto local = scope.locals.find(name); local != scope.locals.end()) return local->second;
  const bool own = scope.own_names != nullptr &&
                   std::ranges::any_of(*scope.own_names, [&](const ast::Name& n) { return n.text == name; });
  if (scope.body.valid() && !own) {
    const Symbol& body_of = s_[scope.body];
    if (const SymbolId id = s_.find(body_of.arguments, name); id.valid()) return id;
    if (const SymbolId id = s_.find(body_of.members, name); id.valid()) return id;
  }
  if (const SymbolId id = s_.global(name, scope.file); id.valid()) return id;
  const bool in_model = scope.body.valid() && s_[scope.body].kind == SymbolKind::model;
  if (name == "batch" && !in_model) return {};
  return s_.built_in(name);
}

void Resolver::use(Span span, SymbolId what, Span place, bool binds) {
  if (file_.valid() && span.file == file_) s_.uses_.push_back({span, what, place, binds});
}

void Resolver::use_name(const ast::Name& name, const Scope& scope, bool binds) {
  if (const SymbolId id = lookup(name.text, scope); id.valid()) use(name.span, id, name.span, binds);
}

void Resolver::bind(const ast::Name& name, Scope& scope, SymbolKind kind) {
  if (name.text == "_") return;
  const auto known = scope.locals.find(name.text);
  SymbolId id;
  if (known != scope.locals.end() && !scope.inherited.contains(name.text)) {
    id = known->second;
  } else {
    id = s_.add({name.text, kind, name.span, name.span, scope.range, {}, {}, {}, {}});
    scope.locals[name.text] = id;
    scope.inherited.erase(name.text);
  }
  use(name.span, id, name.span, true);
}

void Resolver::body(const ast::Body& body, Scope& scope) {
  if (const auto* value = std::get_if<ast::ExprPtr>(&body)) return expr(*value, scope);
  block(std::get<ast::Block>(body), scope);
}

void Resolver::block(const ast::Block& block_of, Scope& scope) {
  for (const ast::Statement& statement : block_of.statements) {
    if (const auto* one = std::get_if<ast::Binding>(&statement.node)) {
      binding(*one, scope);
    } else if (const auto* loop = std::get_if<ast::ForLoop>(&statement.node)) {
      expr(loop->source, scope);
      for (const ast::Name& name : loop->names) bind(name, scope);
      block(loop->body, scope);
    } else {
      expr(std::get<ast::ExprPtr>(statement.node), scope);
    }
  }
}

void Resolver::binding(const ast::Binding& binding, Scope& scope) {
  if (binding.type) type(*binding.type, scope);
  expr(binding.value, scope);
  for (const ast::Name& name : binding.names) {
    if (binding.kind == ast::BindingKind::update)
      use_name(name, scope, true);
    else
      bind(name, scope, binding.is_state ? SymbolKind::state : SymbolKind::local);
  }
  if (binding.kind != ast::BindingKind::define || binding.names.size() != 1 || !binding.value) return;
  const auto local = scope.locals.find(binding.names[0].text);
  if (local == scope.locals.end()) return;
  const Symbols::Held held = held_by(*binding.value, scope);
  s_.symbols_[local->second].layer = held.layer;
  s_.symbols_[local->second].is_list = held.is_list;
}

void Resolver::expr(const ast::ExprPtr& pointer, Scope& scope) {
  if (pointer == nullptr) return;
  const ast::Expr& e = *pointer;
  const auto every = [&](const std::vector<ast::ExprPtr>& all) {
    for (const ast::ExprPtr& one : all) expr(one, scope);
  };
  if (const auto* name = std::get_if<ast::NameRef>(&e.node)) {
    if (const SymbolId id = lookup(name->name, scope); id.valid())
      use(name_within(e.span, name->name, s_.sources_), id, e.span);
  } else if (const auto* unary = std::get_if<ast::Unary>(&e.node)) {
    expr(unary->operand, scope);
  } else if (const auto* binary = std::get_if<ast::Binary>(&e.node)) {
    expr(binary->left, scope);
    expr(binary->right, scope);
  } else if (const auto* one = std::get_if<ast::Call>(&e.node)) {
    call(*one, e, scope, false);
  } else if (const auto* pipe = std::get_if<ast::Pipe>(&e.node)) {
    expr(pipe->left, scope);
    const auto* right = pipe->right ? std::get_if<ast::Call>(&pipe->right->node) : nullptr;
    if (right != nullptr)
      call(*right, *pipe->right, scope, true);
    else
      expr(pipe->right, scope);
  } else if (const auto* member = std::get_if<ast::Member>(&e.node)) {
    member_of(*member, scope);
  } else if (const auto* index = std::get_if<ast::Index>(&e.node)) {
    expr(index->object, scope);
    for (const ast::IndexItem& item : index->items) {
      if (const auto* at = std::get_if<ast::ExprPtr>(&item.item)) expr(*at, scope);
      if (const auto* range = std::get_if<ast::Range>(&item.item)) {
        expr(range->begin, scope);
        expr(range->end, scope);
      }
    }
  } else if (const auto* list = std::get_if<ast::List>(&e.node)) {
    every(list->items);
  } else if (const auto* all = std::get_if<ast::Comprehension>(&e.node)) {
    comprehension(*all, e, scope);
  } else if (const auto* choice = std::get_if<ast::If>(&e.node)) {
    expr(choice->condition, scope);
    if (choice->then) block(*choice->then, scope);
    if (choice->otherwise) block(*choice->otherwise, scope);
  } else if (const auto* steps = std::get_if<ast::Scan>(&e.node)) {
    scan(*steps, e, scope);
  }
}

void Resolver::comprehension(const ast::Comprehension& all, const ast::Expr& e, const Scope& scope) {
  Scope inner = scope;
  expr(all.source, inner);
  inner.range = e.span;
  for (const ast::Name& name : all.names) inner.inherited.insert(name.text);
  for (const ast::Name& name : all.names) bind(name, inner);
  expr(all.value, inner);
}

void Resolver::scan(const ast::Scan& steps, const ast::Expr& e, Scope& scope) {
  for (const ast::ExprPtr& source : steps.sources) expr(source, scope);
  expr(steps.axis, scope);
  Scope inner = scope;
  inner.range = e.span;
  for (const auto& [name, id] : scope.locals) inner.inherited.insert(name);
  for (const ast::Name& name : steps.names) bind(name, inner);
  if (steps.body) block(*steps.body, inner);
}

void Resolver::call(const ast::Call& call_of, const ast::Expr& e, Scope& scope, bool piped) {
  expr(call_of.callee, scope);
  const SymbolId callee = call_of.callee ? called_by(*call_of.callee, scope) : SymbolId();
  const uint32_t begin = call_of.callee ? call_of.callee->span.end : e.span.begin;
  Symbols::Call noted{{e.span.file, begin, e.span.end}, {}, piped, callee};
  for (const ast::Argument& argument : call_of.arguments) {
    if (argument.value == nullptr) continue;
    noted.arguments.push_back({argument.name ? argument.name->span.begin : argument.value->span.begin,
                               argument.name ? argument.name->text : ""});
    if (argument.name) {
      const SymbolId id = callee.valid() ? s_.argument(callee, argument.name->text) : SymbolId();
      if (id.valid() || !callee.valid()) use(argument.name->span, id, argument.name->span);
    }
    expr(argument.value, scope);
  }
  if (e.span.file == file_) s_.calls_.push_back(std::move(noted));
}

void Resolver::member_of(const ast::Member& member, Scope& scope) {
  expr(member.object, scope);
  const Symbols::Held object = member.object ? held_by(*member.object, scope) : Symbols::Held();
  if (member.name.span.file == file_)
    s_.objects_.push_back({member.name.span, object.is_list ? SymbolId() : object.layer});
  if (member.name.text == "T") return;
  use(member.name.span, member_named(member, scope), member.name.span);
}

SymbolId Resolver::member_named(const ast::Member& member, const Scope& scope) {
  const Symbols::Held object = member.object ? held_by(*member.object, scope) : Symbols::Held();
  if (!object.layer.valid() || object.is_list) return {};
  const Symbol& layer = s_[object.layer];
  const SymbolId id = s_.find(layer.members, member.name.text);
  return id.valid() ? id : s_.find(layer.arguments, member.name.text);
}

SymbolId Resolver::called_by(const ast::Expr& callee, const Scope& scope) {
  SymbolId id;
  if (const auto* name = std::get_if<ast::NameRef>(&callee.node)) id = lookup(name->name, scope);
  if (const auto* member = std::get_if<ast::Member>(&callee.node)) id = member_named(*member, scope);
  if (id.valid()) {
    const SymbolKind kind = s_[id].kind;
    if (kind == SymbolKind::function || kind == SymbolKind::layer || kind == SymbolKind::optimizer ||
        kind == SymbolKind::goal || kind == SymbolKind::builtin)
      return id;
  }
  const Symbols::Held held = held_by(callee, scope);
  return held.layer.valid() && !held.is_list ? s_.find(s_[held.layer].members, "forward") : SymbolId();
}

Symbols::Held Resolver::held_by(const ast::Expr& e, const Scope& scope) {
  if (const auto* one = std::get_if<ast::Call>(&e.node)) {
    const auto* name = one->callee ? std::get_if<ast::NameRef>(&one->callee->node) : nullptr;
    const SymbolId made = name == nullptr ? SymbolId() : lookup(name->name, scope);
    if (made.valid() && s_[made].kind == SymbolKind::layer) return {made, false};
  } else if (const auto* name = std::get_if<ast::NameRef>(&e.node)) {
    const SymbolId id = lookup(name->name, scope);
    if (id.valid()) return {s_[id].layer, s_[id].is_list};
  } else if (const auto* member = std::get_if<ast::Member>(&e.node)) {
    const SymbolId id = member_named(*member, scope);
    if (id.valid()) return {s_[id].layer, s_[id].is_list};
  } else if (const auto* index = std::get_if<ast::Index>(&e.node)) {
    const bool is_entry =
        index->items.size() == 1 && std::holds_alternative<ast::ExprPtr>(index->items[0].item);
    const Symbols::Held list = index->object ? held_by(*index->object, scope) : Symbols::Held();
    if (is_entry && list.is_list) return {list.layer, false};
  } else if (const auto* all = std::get_if<ast::Comprehension>(&e.node)) {
    const Symbols::Held each = all->value ? held_by(*all->value, scope) : Symbols::Held();
    if (each.layer.valid() && !each.is_list) return {each.layer, true};
  } else if (const auto* list = std::get_if<ast::List>(&e.node)) {
    Symbols::Held same;
    for (const ast::ExprPtr& item : list->items) {
      const Symbols::Held each = item ? held_by(*item, scope) : Symbols::Held();
      if (!each.layer.valid() || each.is_list || (same.layer.valid() && same.layer != each.layer)) return {};
      same = {each.layer, true};
    }
    return same;
  }
  return {};
}

void Resolver::find_layers(SymbolId body_of, const std::vector<const ast::MemberItem*>& members,
                           const FileScope& file) {
  Scope scope;
  scope.file = &file;
  scope.body = body_of;
  for (const ast::MemberItem* item : members) {
    const auto* member = std::get_if<ast::MemberBinding>(&item->node);
    if (member == nullptr || member->binding.names.size() != 1 || !member->binding.value) continue;
    const SymbolId id = s_.find(s_[body_of].members, member->binding.names[0].text);
    if (!id.valid()) continue;
    scope.own_names = &member->binding.names;
    const Symbols::Held held = held_by(*member->binding.value, scope);
    s_.symbols_[id].layer = held.layer;
    s_.symbols_[id].is_list = held.is_list;
  }
}

}  // namespace nnc::frontend
