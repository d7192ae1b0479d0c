// What lives while a model is elaborated: its layers with their arguments and members, its parameters, and the frames
// in which expressions are evaluated.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frontend/elaborate/value.h"
#include "frontend/library.h"

namespace nnc::frontend {

// ---- instances and parameters ----------------------------------------------------------------------------

// A let or an argument, and where it was given its value.
struct Local {
  Datum value;
  Span span;
};

// `weight = …` or `weight ~ …` at the making of a layer.
struct Override {
  Datum value;
  bool draws = false;
  Span span;
};

// What keeps a number from step to step: a learned parameter, or (role state) a tensor drawn once at the start or one
// that training changes with `<-`.
struct Parameter {
  std::string name;  // as saved
  Role role = Role::param;
  bool changes = false;       // declared `state`
  std::optional<Value> next;  // what `<-` has made of it in this step
  Dims dims;
  Span span;                   // the declared name
  Datum start;                 // Draws, Number or Constant
  std::string type_text;       // "[out, in]"
  std::optional<Value> input;  // its node, once read
};

struct Slot {  // one name a body declares
  const ast::MemberItem* item = nullptr;
  size_t which = 0;  // among the names of `a, b = …`
  Span span;
  enum class State { fresh, running, done } state = State::fresh;
  Datum value;
};

// The body of a model or a layer with its arguments bound.
struct Instance {
  std::string kind;                          // "linear"
  std::span<const ast::Parameter> declared;  // its arguments
  const FileScope* scope = nullptr;
  bool is_model = false;
  std::vector<const ast::MemberItem*> items;
  std::vector<std::pair<std::string, Local>> arguments;
  std::map<std::string, Override, std::less<>> overrides;
  std::vector<std::string> order;  // of the slots
  std::map<std::string, Slot, std::less<>> slots;
  std::vector<Parameter*> parameters;  // in the order they were made
  Instance* parent = nullptr;
  std::string segment;  // the path from the parent, "net.0"; saved names leave out what `as ""` hides
  std::string saved_segment;
  bool placed = false;
  Span call_span;  // where it was made, in the user's text

  const Datum* argument(std::string_view name) const;
  Span span_of(std::string_view name) const;  // where the member or argument of that name is declared
  std::string display_name() const;           // "net.0", or the kind while it has no name
};

// ---- frames ----------------------------------------------------------------------------------------------

// What an optimizer's update may change with `<-`: p and its states.
struct Updatable {
  Dims dims;
  Datum value;
  std::string state_name;      // "m"; empty for p
  std::optional<Value> input;  // the state's node, once touched
  Datum start;                 // a state's initial value
  bool written = false;
  Span span;
};

// A state of the scan whose body is evaluated, from step to step.
struct Carried {
  Value start;  // before the first step
  Datum slot;   // a tensor: the hole for what it is before a step
  Datum now;    // what the body has made of it
  bool written = false;
  Span span;
};

// Where names are looked up: one body under evaluation.
struct Frame {
  const FileScope* scope = nullptr;
  Instance* self = nullptr;  // whose members it sees; null outside of models and layers
  std::map<std::string, Local, std::less<>> locals;
  std::optional<Dims> run;  // what `...` stands for
  std::string run_text;
  std::string path;                                   // names the draws
  const std::vector<ast::Name>* own_names = nullptr;  // of the member being defined
  Span user_span;                                     // where the user called the standard library from
  std::string callee;                                 // for messages: "in softmax"
  bool closed_sizes = false;  // an unknown size is an error (goals and forward of a model)
  std::map<std::string, Updatable>* updatable = nullptr;  // in an optimizer's rule: p and the states, by name
  std::map<std::string, Carried>* carried = nullptr;      // in a scan's body: its states, by name
};

// Where something happens: in which frame, at which words.
struct Site {
  Frame& frame;
  Span span;
};

// A value, and the words that it comes from.
struct Operand {
  Datum value;
  Span span;
};

}  // namespace nnc::frontend
