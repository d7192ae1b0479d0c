// What is declared, and looking things up. The uses are found in resolve.cpp.
#include "frontend/symbols/symbols.h"

#include <algorithm>

#include "frontend/builtins/builtin.h"
#include "frontend/elaborate/elaborator.h"
#include "frontend/symbols/resolver.h"

namespace nnc::frontend {
namespace {

constexpr std::string_view kConstants[] = {"batch", "training", "inf", "pi"};

bool covers(Span span, uint32_t offset) {
  return span.valid() && span.begin <= offset && offset <= span.end;
}

SymbolKind kind_of(const ast::Declaration& declaration) {
  switch (declaration.kind) {
    case ast::DeclarationKind::model:
      return SymbolKind::model;
    case ast::DeclarationKind::optimizer:
      return SymbolKind::optimizer;
    case ast::DeclarationKind::layer:
      break;
  }
  return SymbolKind::layer;
}

SymbolKind kind_of(const ast::MemberBinding& member) {
  if (member.role == ast::BindingRole::param) return SymbolKind::parameter;
  return member.role == ast::BindingRole::state ? SymbolKind::state : SymbolKind::member;
}

}  // namespace

Symbols::Symbols(const ast::File& file, const Library& library, const Sources& sources)
    : library_(library), sources_(sources) {
  const FileScope& scope = *library.main_scope;
  const bool has_model = std::ranges::any_of(file.items, [](const ast::Item& item) {
    const auto* declaration = std::get_if<ast::Declaration>(&item.node);
    return declaration != nullptr && declaration->kind == ast::DeclarationKind::model;
  });
  Resolver resolver(*this, file.file);
  // The declarations first: names may be used before them.
  std::vector<const ast::MemberItem*> loose;
  for (const ast::Item& item : file.items) {
    if (const auto* declaration = std::get_if<ast::Declaration>(&item.node)) {
      const SymbolId id = of_declaration(*declaration, scope);
      symbols_[id].whole = item.span;
      top_.push_back(id);
      if (declaration->kind == ast::DeclarationKind::model) model_ = id;
    } else if (const auto* member = std::get_if<ast::MemberItem>(&item.node)) {
      const auto* function = std::get_if<ast::Function>(&member->node);
      if (!has_model)
        loose.push_back(member);
      else if (function != nullptr)
        top_.push_back(of_function(*function, SymbolId(), SymbolKind::argument, member->span));
    }
  }
  if (!loose.empty()) {
    model_ = of_body({"", SymbolKind::model, {}, {}, {}, {}, {}, {}, {}}, &file, loose, {}, scope);
    const std::vector<SymbolId>& members = symbols_[model_].members;
    top_.insert(top_.end(), members.begin(), members.end());
  }
  std::ranges::stable_sort(top_, {}, [&](SymbolId id) { return symbols_[id].span.begin; });
  for (const ast::Item& item : file.items) resolver.item(item, model_, has_model);
  std::ranges::sort(uses_, {}, [](const Use& use) { return use.span; });
}

SymbolId Symbols::add(Symbol symbol) {
  return symbols_.push_back(std::move(symbol));
}

SymbolId Symbols::of_global(const GlobalName& global) {
  if (const auto* function = std::get_if<const ast::Function*>(&global.is))
    return of_function(**function, SymbolId(), SymbolKind::argument, (*function)->name.span);
  return of_declaration(*std::get<const ast::Declaration*>(global.is), *global.scope);
}

SymbolId Symbols::of_function(const ast::Function& function, SymbolId owner, SymbolKind arguments,
                              Span whole) {
  const auto known = known_.find(&function);
  if (known != known_.end()) return known->second;
  const SymbolId id =
      add({function.name.text, SymbolKind::function, function.name.span, whole, {}, owner, {}, {}, {}});
  known_[&function] = id;
  add_arguments(id, function.parameters, arguments);
  return id;
}

SymbolId Symbols::of_declaration(const ast::Declaration& declaration, const FileScope& scope) {
  const auto known = known_.find(&declaration);
  if (known != known_.end()) return known->second;
  std::vector<const ast::MemberItem*> members;
  for (const ast::MemberItem& member : declaration.members) members.push_back(&member);
  Symbol symbol{declaration.name.text, kind_of(declaration), declaration.name.span, {}, {}, {}, {}, {}, {}};
  symbol.whole = declaration.name.span;
  return of_body(std::move(symbol), &declaration, members, declaration.parameters, scope);
}

SymbolId Symbols::of_body(Symbol symbol, const void* key, const std::vector<const ast::MemberItem*>& members,
                          const std::vector<ast::Parameter>& parameters, const FileScope& scope) {
  const SymbolId id = add(std::move(symbol));
  known_[key] = id;  // before its members are looked at: layers may name each other
  add_arguments(id, parameters, SymbolKind::argument);
  for (const ast::MemberItem* member : members) add_members(id, *member);
  Resolver(*this, FileId()).find_layers(id, members, scope);
  return id;
}

void Symbols::add_arguments(SymbolId callee, const std::vector<ast::Parameter>& parameters, SymbolKind kind) {
  for (const ast::Parameter& parameter : parameters) {
    if (parameter.name.text == "_") continue;
    const Span span = parameter.name.span;
    const SymbolId id = kind == SymbolKind::column
                            ? column(symbols_[callee].owner, parameter)
                            : add({parameter.name.text, kind, span, span, {}, callee, {}, {}, {}});
    symbols_[callee].arguments.push_back(id);
  }
}

SymbolId Symbols::column(SymbolId model, const ast::Parameter& parameter) {
  const Span span = parameter.name.span;
  const auto [at, fresh] = columns_.try_emplace(parameter.name.text);
  if (fresh) at->second = add({parameter.name.text, SymbolKind::column, span, {}, {}, model, {}, {}, {}});
  Symbol& column = symbols_[at->second];
  // It is declared where its type is given.
  if (!column.whole.valid() && parameter.type) {
    column.span = span;
    column.whole = join(span, parameter.type->span);
  }
  return at->second;
}

void Symbols::add_members(SymbolId owner, const ast::MemberItem& item) {
  const bool in_model = symbols_[owner].kind == SymbolKind::model;
  const auto keep = [&](SymbolId id) { symbols_[owner].members.push_back(id); };
  if (const auto* member = std::get_if<ast::MemberBinding>(&item.node)) {
    for (const ast::Name& name : member->binding.names)
      if (name.text != "_")
        keep(add({name.text, kind_of(*member), name.span, item.span, {}, owner, {}, {}, {}}));
  } else if (const auto* function = std::get_if<ast::Function>(&item.node)) {
    const bool reads_columns = in_model && function->name.text == "forward";
    keep(of_function(*function, owner, reads_columns ? SymbolKind::column : SymbolKind::argument, item.span));
  } else if (const auto* goal = std::get_if<ast::Goal>(&item.node)) {
    const Span span = goal->name ? goal->name->span : goal->keyword;
    const SymbolId id = add({goal_name(*goal), SymbolKind::goal, span, item.span, {}, owner, {}, {}, {}});
    known_[goal] = id;
    add_arguments(id, goal->parameters, in_model ? SymbolKind::column : SymbolKind::argument);
    keep(id);
  }
}

SymbolId Symbols::global(std::string_view name, const FileScope* scope) {
  for (; scope != nullptr; scope = scope->standard)
    if (const auto found = scope->names.find(name); found != scope->names.end())
      return of_global(found->second);
  return {};
}

SymbolId Symbols::standard(std::string_view name) {
  return global(name, library_.standard);
}

SymbolId Symbols::built_in(std::string_view name) {
  if (const auto known = built_in_.find(name); known != built_in_.end()) return known->second;
  SymbolKind kind = SymbolKind::builtin;
  if (std::ranges::find(kConstants, name) != std::end(kConstants))
    kind = SymbolKind::constant;
  else if (std::ranges::find(builtin_table(), name, &Builtin::name) == builtin_table().end())
    return {};
  return built_in_[std::string(name)] = add({std::string(name), kind, {}, {}, {}, {}, {}, {}, {}});
}

SymbolId Symbols::find(const std::vector<SymbolId>& among, std::string_view name) const {
  const auto found = std::ranges::find_if(among, [&](SymbolId id) { return symbols_[id].name == name; });
  return found == among.end() ? SymbolId() : *found;
}

SymbolId Symbols::argument(SymbolId callee, std::string_view name) const {
  const Symbol& symbol = symbols_[callee];
  const SymbolId declared = find(symbol.arguments, name);
  if (declared.valid() || symbol.kind != SymbolKind::layer) return declared;
  const SymbolId member = find(symbol.members, name);
  const bool stands_in = member.valid() && (symbols_[member].kind == SymbolKind::parameter ||
                                            symbols_[member].kind == SymbolKind::state);
  return stands_in ? member : SymbolId();
}

const Use* Symbols::at(uint32_t offset) const {
  const Use* before = nullptr;
  for (const Use& use : uses_) {
    if (use.span.begin > offset) break;
    if (offset < use.span.end) return &use;
    if (offset == use.span.end) before = &use;
  }
  return before;
}

void Symbols::settle(const Use& use, SymbolId what) {
  uses_[static_cast<size_t>(&use - uses_.data())].what = what;
}

SymbolId Symbols::declared_at(std::string_view path, Span span) const {
  for (uint32_t i = 0; i < symbols_.size(); ++i) {
    const Span own = symbols_[SymbolId{i}].span;
    if (own.valid() && own.begin == span.begin && own.end == span.end && sources_[own.file].path() == path)
      return SymbolId{i};
  }
  return {};
}

std::vector<SymbolId> Symbols::visible(uint32_t offset) {
  std::vector<SymbolId> out;
  std::map<std::string, bool, std::less<>> seen;
  const auto show = [&](SymbolId id) {
    if (id.valid() && seen.emplace(symbols_[id].name, true).second) out.push_back(id);
  };
  const auto shows = [&](const std::vector<SymbolId>& ids) {
    for (const SymbolId id : ids) show(id);
  };
  // What is seen in a smaller part of the text is nearer.
  std::vector<SymbolId> near;
  for (uint32_t i = 0; i < symbols_.size(); ++i)
    if (covers(symbols_[SymbolId{i}].scope, offset)) near.push_back(SymbolId{i});
  std::ranges::stable_sort(near, {},
                           [&](SymbolId id) { return symbols_[id].scope.end - symbols_[id].scope.begin; });
  shows(near);
  SymbolId body = model_.valid() && !symbols_[model_].span.valid() ? model_ : SymbolId();
  for (const SymbolId id : top_)
    if (covers(symbols_[id].whole, offset) && symbols_[id].kind != SymbolKind::function &&
        !symbols_[id].owner.valid())
      body = id;
  if (body.valid()) {
    // An argument of a function can be seen in it alone; those of a body everywhere in it.
    for (const SymbolId id : std::vector(symbols_[body].members))
      if (covers(symbols_[id].whole, offset)) shows(std::vector(symbols_[id].arguments));
    shows(std::vector(symbols_[body].arguments));
    shows(std::vector(symbols_[body].members));
    if (symbols_[body].kind == SymbolKind::model) show(built_in("batch"));
  }
  for (const SymbolId id : top_)
    if (symbols_[id].kind == SymbolKind::function && covers(symbols_[id].whole, offset))
      shows(std::vector(symbols_[id].arguments));
  for (const FileScope* scope = library_.main_scope; scope != nullptr; scope = scope->standard)
    for (const auto& [name, global] : scope->names)
      if (!seen.contains(name)) show(of_global(global));
  for (const Builtin& builtin : builtin_table()) show(built_in(builtin.name));
  for (const std::string_view name : kConstants)
    if (name != "batch") show(built_in(name));
  return out;
}

std::optional<Symbols::CallAt> Symbols::call_at(uint32_t offset) const {
  const Call* nearest = nullptr;
  for (const Call& call : calls_) {
    const bool inside = call.parentheses.begin < offset && offset < call.parentheses.end;
    if (inside && (nearest == nullptr || call.parentheses.begin > nearest->parentheses.begin))
      nearest = &call;
  }
  if (nearest == nullptr || !nearest->callee.valid()) return std::nullopt;
  CallAt out{nearest->callee, nearest->piped ? size_t{1} : 0, ""};
  for (size_t i = 0; i < nearest->arguments.size(); ++i) {
    if (nearest->arguments[i].begin > offset) break;
    out.position = i + (nearest->piped ? 1 : 0);
    out.name = nearest->arguments[i].name;
  }
  return out;
}

SymbolId Symbols::object_at(uint32_t offset) const {
  for (const Object& object : objects_)
    if (covers(object.name, offset)) return object.layer;
  return {};
}

}  // namespace nnc::frontend
