// Which name of a text means which thing, by the text alone: whatever its sizes are, whichever branches are taken, and also
// while other parts of it have mistakes. Elaboration (frontend/elaborate) follows the same rules with values in hand; where
// only a value says what is meant (`layer.weight` of a layer that is an argument), the name stays open here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/library.h"

namespace nnc::frontend {

using SymbolId = Id<struct SymbolTag>;

enum class SymbolKind : uint8_t {
  model,
  layer,
  optimizer,
  function,
  goal,       // a loss, metric or output
  parameter,  // learned
  state,
  member,    // of a model or a layer, other than these
  argument,  // of a function, a layer, a model, an optimizer
  column,    // of data: an argument of goals and `forward`, under one name in all of them
  size,      // that a signature binds
  local,
  given,  // what an optimizer's rule asks for by name: p, g, t, loss
  builtin,
  constant,  // batch, training, inf, pi
};

struct Symbol {
  std::string name;
  SymbolKind kind = SymbolKind::local;
  Span span;                        // the name, where it is declared; invalid of what is built in
  Span whole;                       // the declaration; of a goal, a function, … with its body
  Span scope;                       // where a name of a body can be seen; invalid of all others
  SymbolId owner;                   // the model, layer, function, … that it belongs to; may be invalid
  std::vector<SymbolId> arguments;  // of what can be called, in their order
  std::vector<SymbolId> members;    // of a model, layer or optimizer
  SymbolId layer;  // it is a layer of this kind, or a list of them; invalid: not known, or none
  bool is_list = false;
};

// One place where a symbol is named.
struct Use {
  Span span;      // the name alone
  SymbolId what;  // may be invalid: what the name of a member or of an argument belongs to, only values say
  Span place;     // by which Meanings know it
  bool binds = false;  // it is declared here, or gets a value
};

class Symbols {
 public:
  // Of `file`, whose library `library` is (load_library; it may have failed). What the file uses of other files is declared as
  // well, but their own text is not looked at.
  Symbols(const ast::File& file, const Library& library, const Sources& sources);
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  const Symbol& operator[](SymbolId id) const { return symbols_[id]; }
  const std::vector<Use>& uses() const { return uses_; }  // of the file, by place

  // The use whose name touches the offset; null if there is none.
  const Use* at(uint32_t offset) const;
  // Tells what a name means that was left open.
  void settle(const Use& use, SymbolId what);
  // The symbol that is declared at these words of a file of this path, declared on the way to it or not; invalid if none is.
  SymbolId declared_at(std::string_view path, Span span) const;

  // Every symbol that a name at the offset could mean, an inner one before an outer one of the same name.
  std::vector<SymbolId> visible(uint32_t offset);
  // The top-level function, layer or optimizer of the standard library.
  SymbolId standard(std::string_view name);
  // What the file has at top level, and its model, in the order of the text.
  const std::vector<SymbolId>& top() const { return top_; }
  // The call around the offset that is nearest to it: what is called, and which of the arguments the offset is in.
  struct CallAt {
    SymbolId callee;
    size_t position = 0;
    std::string name;  // of the argument, if it is written
  };
  std::optional<CallAt> call_at(uint32_t offset) const;
  // What stands to the left of the member's dot at the offset; invalid if that is no layer that the text tells.
  SymbolId object_at(uint32_t offset) const;

 private:
  friend class Resolver;
  struct Argument {
    uint32_t begin = 0;
    std::string name;  // empty: by its position
  };
  struct Call {
    Span parentheses;
    std::vector<Argument> arguments;
    bool piped = false;
    SymbolId callee;
  };
  struct Object {
    Span name;  // the member's
    SymbolId layer;
  };
  // What an expression holds, as far as its text says: a layer of this kind, or a list of them.
  struct Held {
    SymbolId layer;
    bool is_list = false;
  };

  SymbolId add(Symbol symbol);
  SymbolId of_global(const GlobalName& global);
  SymbolId of_function(const ast::Function& function, SymbolId owner, SymbolKind arguments, Span whole);
  SymbolId of_declaration(const ast::Declaration& declaration, const FileScope& scope);
  SymbolId of_body(Symbol symbol, const void* key, const std::vector<const ast::MemberItem*>& members,
                   const std::vector<ast::Parameter>& parameters, const FileScope& scope);
  void add_arguments(SymbolId callee, const std::vector<ast::Parameter>& parameters, SymbolKind kind);
  void add_members(SymbolId owner, const ast::MemberItem& item);
  SymbolId column(SymbolId model, const ast::Parameter& parameter);
  SymbolId global(std::string_view name, const FileScope* scope);
  SymbolId built_in(std::string_view name);
  SymbolId find(const std::vector<SymbolId>& among, std::string_view name) const;
  SymbolId argument(SymbolId callee,
                    std::string_view name) const;  // or, of a layer, what may stand in for one

  const Library& library_;
  const Sources& sources_;
  IdVector<SymbolId, Symbol> symbols_;
  std::map<const void*, SymbolId> known_;  // by declaration, function, goal, file
  std::map<std::string, SymbolId, std::less<>> built_in_;
  std::map<std::string, SymbolId, std::less<>> columns_;
  SymbolId model_;  // of the file; where its members are at top level, one without a place
  std::vector<Use> uses_;
  std::vector<SymbolId> top_;
  std::vector<Call> calls_;
  std::vector<Object> objects_;
};

}  // namespace nnc::frontend
