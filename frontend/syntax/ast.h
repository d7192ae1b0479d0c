// The syntax tree of a .nn file: plain structs, no behavior. Expressions are owned by unique_ptr; every node knows
// its span. docs/language.md holds the grammar these mirror.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "support/source.h"

namespace nnc::ast {

struct Expr;
struct Statement;
using ExprPtr = std::unique_ptr<Expr>;

struct Name {
  std::string text;
  Span span;
};

// ---- expressions -------------------------------------------------------------------------------------------------

struct Number {
  double value = 0;
  bool is_integer = false;  // written without dot and exponent
};
struct Bool {
  bool value = false;
};
struct NoneLiteral {};
struct NameRef {
  std::string name;
};
struct Hole {};  // `_` as an argument: f(_, 2)

enum class UnaryOp { neg, logical_not };
struct Unary {
  UnaryOp op;
  ExprPtr operand;
};

enum class BinaryOp {
#define NNC_BINARY(name, token, level) name,
#include "frontend/syntax/binary.def"
};
struct Binary {
  BinaryOp op;
  Span op_span;
  ExprPtr left;
  ExprPtr right;
};

struct Argument {
  std::optional<Name> name;
  bool draws = false;  // `name ~ expr` rather than `name = expr`
  ExprPtr value;
};
struct Call {
  ExprPtr callee;
  std::vector<Argument> arguments;
};
// left |> call: `call` is a Call or any postfix expression.
struct Pipe {
  ExprPtr left;
  ExprPtr right;
};
struct Member {
  ExprPtr object;
  Name name;
};

struct Ellipsis {};
struct NewAxis {};
struct Range {  // a:b, either side may be missing
  ExprPtr begin;
  ExprPtr end;
};
struct IndexItem {
  std::variant<Ellipsis, NewAxis, Range, ExprPtr> item;
  Span span;
};
struct Index {
  ExprPtr object;
  std::vector<IndexItem> items;
};

struct List {
  std::vector<ExprPtr> items;
};
struct Comprehension {  // [value for names in source]
  ExprPtr value;
  std::vector<Name> names;
  ExprPtr source;
};

struct Block {
  std::vector<Statement> statements;
  Span span;
};
struct If {
  ExprPtr condition;
  std::unique_ptr<Block> then;
  std::unique_ptr<Block> otherwise;  // null without else; `else if` is a block with one If
};
struct Scan {
  std::vector<Name> names;
  std::vector<ExprPtr> sources;
  ExprPtr axis;
  bool reversed = false;  // from the last step to the first
  std::unique_ptr<Block> body;
};

struct Expr {
  std::variant<Number, Bool, NoneLiteral, NameRef, Hole, Unary, Binary, Call, Pipe, Member, Index, List,
               Comprehension, If, Scan>
      node;
  Span span;
};

// ---- types and arguments -----------------------------------------------------------------------------------------

// f32[batch, 64], int, f32[..., in]
struct Type {
  Name name;
  bool has_sizes = false;
  std::vector<std::variant<Ellipsis, ExprPtr>> sizes;
  std::vector<Span> size_spans;
  Span span;
};

struct Parameter {  // of a function, layer, model, loss …
  Name name;
  std::optional<Type> type;
  ExprPtr default_value;  // null for none
};

// ---- statements --------------------------------------------------------------------------------------------------

enum class BindingKind { define, draw, update };  // =  ~  <-

struct Binding {
  std::vector<Name> names;
  std::optional<Type> type;
  BindingKind kind = BindingKind::define;
  Span operator_span;
  ExprPtr value;
  bool is_state = false;
};
struct ForLoop {
  std::vector<Name> names;
  ExprPtr source;
  Block body;
};
struct Statement {
  std::variant<Binding, ForLoop, ExprPtr> node;
  Span span;
};

// ---- members and items -------------------------------------------------------------------------------------------

using Body = std::variant<ExprPtr, Block>;  // `= expr` or `= { … }`

struct Function {
  Name name;
  std::vector<Parameter> parameters;
  bool has_parameters = true;
  std::optional<Type> result;
  Body body;
};

enum class GoalKind { loss, metric, output };
struct Goal {  // loss, metric or output; may have no name and no parameters
  GoalKind kind;
  Span keyword;
  std::optional<Name> name;
  bool has_parameters = false;
  std::vector<Parameter> parameters;
  Body body;
};

enum class RuleKind { update, propose };
struct Rule {  // an optimizer's update or propose
  RuleKind kind;
  Span keyword;
  std::vector<Parameter> parameters;
  Block body;
};

enum class BindingRole { plain, param, state };
struct MemberBinding {
  BindingRole role = BindingRole::plain;
  Binding binding;
  std::optional<Name> saved_as;  // as "…": the text without quotes
};

struct MemberItem {
  std::variant<MemberBinding, Function, Goal, Rule> node;
  Span span;
};

enum class DeclarationKind { model, layer, optimizer };
struct Declaration {
  DeclarationKind kind;
  Name name;
  std::vector<Parameter> parameters;
  std::vector<MemberItem> members;
};

struct Import {
  Name path;  // the text without quotes
};

struct Item {
  std::variant<Import, Declaration, MemberItem> node;
  Span span;
};

// `comments` holds every comment with its place, in order: the formatter puts them back.
struct Comment {
  std::string text;  // with its #
  Span span;
};

struct File {
  FileId file;
  std::vector<Item> items;
  std::vector<Comment> comments;
};

}  // namespace nnc::ast
