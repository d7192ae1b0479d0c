// What an expression of a .nn file can mean while it is elaborated. Numbers, bools, distributions, functions,
// layers and lists exist at compile time only; a Tensor is a value of the graph under construction, with a
// shape in the user's own names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "frontend/syntax/ast.h"
#include "ir/graph/attrs.h"
#include "ir/graph/value.h"

namespace nnc::frontend {

struct Instance;
struct Parameter;
struct FileScope;
struct Datum;
struct Partial;

// How a size depends on the batch: not at all, as k × batch, or otherwise (batch − 1).
enum class BatchKind : uint8_t { none, scaled, mixed };

// A whole number is exact; anything else is a double.
struct Number {
  bool is_whole = false;
  int64_t whole = 0;
  double real = 0;
  BatchKind batch = BatchKind::none;
  std::string name;  // what the user calls it, "hidden"; empty for a literal
  Span origin;       // where the user wrote it

  double value() const { return is_whole ? static_cast<double>(whole) : real; }
};

// Without a name and independent of the batch.
Number whole_number(int64_t value, Span origin = {});
Number real_number(double value);
// "32", "0.5"
std::string text_of(const Number& number);

// One axis of a tensor. `written_one` marks a 1 that is written in the text (None, keep, a type), and so may
// stretch.
struct Dim {
  int64_t extent = 1;
  std::string name;
  BatchKind batch = BatchKind::none;
  bool written_one = false;
  Span origin;      // where its number was written
  std::string via;  // "fc1's output": what brought it here

  bool is_batch() const { return batch != BatchKind::none; }
};
using Dims = std::vector<Dim>;

// A batch axis equals only itself: 32 = 32 never passes by luck.
bool unify(const Dim& a, const Dim& b);
bool unify(const Dims& a, const Dims& b);  // axis by axis
Dim fresh_dim(int64_t extent);
Dim written_one();
Dim dim_of(const Number& number);
Number number_of(const Dim& dim);
Shape shape_of(const Dims& dims);
// "hidden = 32", "batch", "64"
std::string text_of(const Dim& dim);
std::string text_of(const Dims& dims);  // "[batch, hidden = 32]"

// A value of the graph.
struct Tensor {
  Value value;
  DType dtype = DType::f32;
  Dims dims;
  Parameter* parameter = nullptr;  // set while it is a parameter itself
  bool is_softmax = false;         // straight from softmax
  bool is_sigmoid = false;         // straight from sigmoid
  bool is_position = false;        // straight from argmax
  std::optional<bool> known = {};  // straight from a bool that exists while compiling

  int64_t rank() const { return static_cast<int64_t>(dims.size()); }
};
std::string text_of(const Tensor& tensor);  // "f32[batch, 10]"

// Written numbers in brackets after an operation that keeps them numbers (indexing): no dtype until they meet
// one.
struct Constant {
  Dims dims;
  std::shared_ptr<const std::vector<double>> values;
  bool whole = false;
};

struct Poison {};  // a value whose error has been reported
struct Flag {
  bool value = false;
};
struct NoneValue {};
struct Draws {  // a distribution
  Distribution kind = Distribution::uniform;
  double a = 0;
  double b = 1;
};
// What can be called, or named in a call: a declaration, and what its body sees.
struct FunctionRef {
  const ast::Function* function = nullptr;
  Instance* self = nullptr;  // null for a function outside any body
  const FileScope* scope = nullptr;
};
struct GoalRef {
  const ast::Goal* goal = nullptr;
  Instance* self = nullptr;
};
struct LayerRef {
  const ast::Declaration* declaration = nullptr;
  const FileScope* scope = nullptr;
};
struct OptimizerRef {
  const ast::Declaration* declaration = nullptr;
  const FileScope* scope = nullptr;
};
struct BuiltinRef {
  size_t index = 0;  // into builtin_table()
};
struct List;
using ListPtr = std::shared_ptr<const List>;

// Any value of the language.
struct Datum {
  std::variant<Poison, NoneValue, Number, Flag, Constant, Draws, FunctionRef, GoalRef, LayerRef, OptimizerRef,
               BuiltinRef, std::shared_ptr<const Partial>, Instance*, ListPtr, Tensor>
      is;

  Datum() = default;
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, Datum>) Datum(T&& value) : is(std::forward<T>(value)) {}

  template <class T>
  const T* as() const {
    return std::get_if<T>(&is);
  }
  bool poisoned() const { return std::holds_alternative<Poison>(is); }
};

// `total` counts the values in this list and in the lists in it, each as often as it occurs; an empty list is one.
struct List {
  std::vector<Datum> items;
  size_t total = 1;
  Span origin;  // where it was made

  auto begin() const { return items.begin(); }
  auto end() const { return items.end(); }
  size_t size() const { return items.size(); }
  bool empty() const { return items.empty(); }
  const Datum& operator[](size_t i) const { return items[i]; }
};

// One argument of a call, evaluated.
struct Actual {
  std::optional<ast::Name> name;
  bool draws = false;  // name ~ value
  bool hole = false;   // _
  Datum value;
  Span span;
};

// f(_, 2): a function of the argument at the hole.
struct Partial {
  Datum callee;
  std::string callee_name;
  std::vector<Actual> arguments;
  Span span;
};

ListPtr make_list(std::vector<Datum> items, Span origin);  // with `total` counted
// "a number", "f32[batch, 10]", "the layer linear": for messages.
std::string describe(const Datum& datum);
// Deep equality, for evaluating a function once for the same arguments. Never true of poison.
bool same(const Datum& a, const Datum& b);
// A number, or a rectangular list of numbers, as a constant; nothing for other values and for ragged lists.
std::optional<Constant> constant_of(const Datum& datum);
bool all_flags(const Datum& datum);      // true or false, or a list of nothing else
bool is_applicable(const Datum& datum);  // can be called
// Whether a list is a layer: empty, or with a layer, a function or such a list in it.
bool is_layer_list(const List& list);

}  // namespace nnc::frontend
