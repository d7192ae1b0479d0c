// The elaborator: an abstract interpreter that walks the syntax tree with its compile-time arguments bound
// and leaves tensors behind as nodes of one graph. One Elaborator makes one graph (init, train, eval, …) and
// is thrown away; frontend/build_model.cpp runs one per graph.
//
// A failed evaluation reports once and yields Poison, which everything else absorbs silently: many errors per
// run. Evaluation is bounded: by steps, depth, nodes and list lengths (kMost… below), so that no input hangs
// us.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <span>

#include "frontend/model.h"
#include "frontend/value.h"
#include "ir/builder.h"

namespace nnc::frontend {

inline constexpr size_t kMostNodes = 1'000'000;
inline constexpr size_t kMostSteps = 5'000'000;
inline constexpr int kMostDepth = 600;          // nested expressions, through calls
inline constexpr int64_t kMostTurns = 100'000;  // of a `for`, entries of a list
inline constexpr size_t kMostListed = 1'000'000;
inline constexpr size_t kMostNesting = 40;  // layers in layers

// ---- files -----------------------------------------------------------------------------------------------

// A top-level function, layer or optimiser, and the file whose names it sees.
struct GlobalName {
  std::variant<const ast::Function*, const ast::Declaration*> is;
  const FileScope* scope = nullptr;
};
struct FileScope {
  bool is_standard = false;
  std::map<std::string, GlobalName, std::less<>> names;  // its own and those it imports
  const FileScope* standard = nullptr;                   // null in the standard library itself
};

// The syntax trees of one model: its file, the files that imports name, and the standard library.
struct Library {
  const ast::File* main = nullptr;
  std::deque<ast::File> files;
  std::deque<FileScope> scopes;
  const FileScope* standard = nullptr;
  const FileScope* main_scope = nullptr;
  std::set<FileId> standard_files;
  std::map<std::string, ast::ExprPtr> arguments;  // -D name=value
  ast::ExprPtr optimizer;                         // null for none
  std::vector<std::vector<ast::ExprPtr>> groups;  // the values of BuildOptions::groups

  bool is_standard(Span span) const { return standard_files.count(span.file) > 0; }
};
Status load_library(Library& library, const ast::File& main, Sources& sources, const BuildOptions& options,
                    Diagnostics& diagnostics);

// ---- instances and parameters ----------------------------------------------------------------------------

struct Local {
  Datum value;
  Span span;
};

struct Frame;

// `weight = …` or `weight ~ …` at the making of a layer.
struct Override {
  Datum value;
  bool draws = false;
  Span span;
};

// What keeps a number from step to step: a learned parameter, or a tensor drawn once at the start (role
// state).
struct Parameter {
  std::string name;  // as saved
  Role role = Role::param;
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
  std::string kind;  // "linear"
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
  int nesting = 0;

  const Datum* argument(std::string_view name) const;
  std::string display_name() const;  // "net.0", or the kind while it has no name
};

// ---- frames ----------------------------------------------------------------------------------------------

// What an optimiser's update may change with `<-`: p and its states.
struct Updatable {
  Dims dims;
  Datum value;
  std::string state_name;      // "m"; empty for p
  std::optional<Value> input;  // the state's node, once touched
  Datum start;                 // a state's initial value
  bool written = false;
  Span span;
};

struct Frame {
  const FileScope* scope = nullptr;
  Instance* self = nullptr;
  std::map<std::string, Local, std::less<>> locals;
  std::optional<Dims> run;  // what `...` stands for
  std::string run_text;
  std::string path;                                   // names the draws
  const std::vector<ast::Name>* own_names = nullptr;  // of the member being defined
  Span user_span;                                     // where the user called the standard library from
  std::string callee;                                 // for messages: "in softmax"
  bool closed_sizes = false;  // an unknown size is an error (goals and forward of a model)
  std::map<std::string, Updatable>* updatable = nullptr;
};

// Where something happens: in which frame, at which words.
struct Site {
  Frame& frame;
  Span span;
};

struct Operand {
  Datum value;
  Span span;
};

// An elementwise operation, on numbers while compiling and on tensors.
struct Elementwise {
  Op op;
  std::string_view name;  // "maximum", "-"
  std::string_view verb;  // "cannot VERB a JOINER b"
  std::string_view joiner;
  bool swapped = false;  // "subtract b from a"
  bool compares = false;
};
const Elementwise& elementwise_of(ast::BinaryOp op);
const Elementwise& elementwise_of(Op named);  // an op that the language calls by its name

// ---- built-in functions ----------------------------------------------------------------------------------

struct Elaborator;
using BuiltinArguments = std::span<const std::optional<Operand>>;
struct Builtin {
  std::string_view name;
  std::string_view parameters;  // "x axis keep"
  size_t required = 1;
  size_t positional = 1;
  Datum (*run)(Elaborator&, BuiltinArguments, const Site&);  // null: elementwise, by the op table
  std::optional<Op> op = std::nullopt;
};
std::span<const Builtin> builtin_table();
std::string goal_name(const ast::Goal& goal);

enum class Mode { init, train, evaluate, predict };

struct Elaborator {
  Elaborator(const Library& library, Sources& sources, const BuildOptions& options, Diagnostics& diagnostics,
             Mode mode);

  const Library& library;
  Sources& sources;
  const BuildOptions& options;
  Diagnostics& diagnostics;
  Mode mode;
  Graph graph;
  Builder builder;

  std::deque<Instance> instances;
  std::deque<Parameter> parameters;
  Instance* root = nullptr;
  bool stopped = false;  // a limit was passed: everything evaluates to Poison
  bool explaining = false;
  std::vector<std::string> explanations;
  // Says how a product came about (explain.cpp).
  void explain(const ast::Binary& binary, const ast::Expr& expr, const Datum& left, const Datum& right,
               const Datum& result, Frame& frame);
  const ast::Expr* explained = nullptr;  // the last one explained, and its words
  std::string explained_text;
  std::string explained_notes;

  // ---- reporting (elaborate.cpp). A place in the standard library becomes the user's call, with a label.
  Diagnostic& error(DiagnosticKind kind, const Site& site, std::string message);
  Diagnostic& warning(DiagnosticKind kind, const Site& site, std::string message);
  Span user_span(const Site& site) const;
  Datum not_built(const Site& site, std::string what);
  bool step(const Site& site);  // counts; false once a limit is passed
  std::string source_text(Span span) const { return std::string(sources.text(span)); }

  // ---- names (elaborate_names.cpp)
  std::optional<Datum> lookup(const std::string& name, const Site& site);
  Datum name_value(const std::string& name, const Site& site);
  std::optional<Datum> summed_losses(const Site& site);
  std::vector<std::string> known_names(const Frame& frame, bool numbers_only);
  Datum force(Instance& instance, Slot& slot, const Site& site);
  void force_all(Instance& instance);
  std::optional<Datum> own_slot(Instance& instance, const std::string& name, const Site& site);

  // ---- expressions (elaborate_expr.cpp)
  Datum eval(const ast::Expr& expr, Frame& frame);
  Datum eval_body(const ast::Body& body, Frame& frame, const std::string& of);
  // Runs a block; its last expression goes to `value` when wanted. False when the value is missing.
  bool run_block(const ast::Block& block, Frame& frame, Datum* value);
  void run_binding(const ast::Binding& binding, Frame& frame);
  void run_for(const ast::ForLoop& loop, Frame& frame);
  void assign(const ast::Name& name, Datum value, Frame& frame);
  std::optional<std::vector<Datum>> take_apart(const Operand& operand, size_t count, const Site& site);
  std::optional<std::vector<Datum>> turns_of(const Operand& operand, const Site& site);
  Datum list(std::vector<Datum> items, const Site& site);
  Datum draw(const Datum& from, const Dims& dims, const std::string& name, const Site& site);
  std::optional<bool> condition(const ast::Expr& expr, Frame& frame);

  // ---- calls (elaborate_call.cpp)
  Datum eval_call(const ast::Call& call, const ast::Expr& expr, const Operand* piped, Frame& frame);
  Datum call(const Operand& callee, std::vector<Actual> actuals, const Site& site);
  Datum call_function(const FunctionRef& ref, std::vector<Actual> actuals, const Operand& callee,
                      const Site& site);
  Datum call_goal(const GoalRef& ref, std::vector<Actual> actuals, const Operand& callee, const Site& site);
  // Marks the axes a layer brought in as its output, for messages.
  void note_origin(Tensor& result, const std::vector<Datum>& arguments, const std::string& layer);
  Datum call_builtin(const BuiltinRef& ref, std::vector<Actual> actuals, const Site& site);
  Datum call_list(const List& layers, std::vector<Actual> actuals, const Operand& callee, const Site& site);
  // Puts arguments into `frame.locals`; false after an error.
  bool bind_arguments(std::span<const ast::Parameter> parameters, std::vector<Actual>& actuals, Frame& frame,
                      const std::string& callee, const Site& site,
                      std::vector<std::pair<std::string, Local>>* order = nullptr);

  // ---- types (elaborate_type.cpp)
  bool match_arguments(std::span<const ast::Parameter> parameters, Frame& frame, const Operand& callee,
                       const std::string& callee_name, const Site& site);
  std::optional<Dims> resolve_dims(const ast::Type& type, Frame& frame);
  std::optional<Number> resolve_size(const ast::Expr& expr, Frame& frame);
  std::optional<DType> resolve_dtype(const ast::Type& type, Frame& frame);
  Datum coerce(const Datum& value, const ast::Type& type, const std::string& what, Span value_span,
               Frame& frame);
  Datum check_result(const Datum& value, const ast::Type& type, const std::string& callee, Span value_span,
                     Frame& frame);

  // ---- layers (elaborate_layer.cpp)
  Datum instantiate(const LayerRef& ref, std::vector<Actual> actuals, const Operand& callee,
                    const Site& site);
  void add_slots(Instance& instance);
  void place(const Datum& value, Instance& parent, const std::string& segment, const std::string& saved,
             Span span);
  bool is_anchored(const Instance& instance) const;
  std::string saved_path(const Instance& instance) const;
  Datum member_of(const Operand& object, const ast::Name& name, const Site& site);
  void define(Instance& instance, const ast::MemberItem& item, const ast::MemberBinding& member);
  Datum make_parameter(Instance& instance, const ast::MemberBinding& member, size_t which, Frame& frame);
  Datum read_parameter(Parameter& parameter, const Site& site);
  std::optional<std::string> interpolate(const ast::Name& text, Frame& frame);
  // Every parameter and drawn member that is owned below the model, in declaration order.
  std::vector<Parameter*> all_parameters();
  void collect_parameters(const Datum& value, std::vector<Parameter*>& out, std::set<const void*>& seen,
                          bool owned_only, Instance* owner);

  // ---- tensors (tensor_ops.cpp, tensor_shape.cpp, tensor_reduce.cpp)
  Datum emit(Op op, std::vector<Value> operands, Attrs attrs, Dims dims, DType dtype, const Site& site);
  Tensor constant_tensor(const Constant& constant, DType dtype, const Site& site);
  Tensor number_tensor(const Number& number, DType dtype, const Dims& dims, const Site& site);
  std::optional<Tensor> as_tensor(const Operand& operand, std::optional<DType> wanted,
                                  const std::string& what, const Site& site);
  std::optional<Tensor> cast_to(const Tensor& tensor, DType dtype, const Site& site);
  std::optional<Tensor> broadcast_to(const Tensor& tensor, const Dims& dims, const Site& site);
  Datum elementwise(const Elementwise& op, const Operand& left, const Operand& right, const Site& site);
  Datum unary_minus(const Operand& operand, const Site& site);
  Datum logical_not(const Operand& operand, const Site& site);
  Datum logical(bool is_and, const Operand& left, const Operand& right, const Site& site);
  // An elementwise op by its own name: of numbers its reference semantics, of tensors a node.
  Datum call_op(Op op, BuiltinArguments arguments, const Site& site);
  Datum where(const Operand& c, const Operand& a, const Operand& b, const Site& site);
  Datum matmul(const Operand& left, const Operand& right, const Site& site);
  Datum transpose(const Operand& x, const Site& site);
  Datum index(const Operand& object, const std::vector<ast::IndexItem>& items, const Site& site);
  Datum index_tensor(const Tensor& tensor, const std::vector<ast::IndexItem>& items, const Operand& object,
                     const Site& site);
  Datum slice_axis(const Tensor& tensor, int64_t axis, int64_t begin, int64_t end, const Site& site);
  Datum drop_axis(const Tensor& tensor, int64_t axis, const Site& site);
  Datum reshape_to(const Tensor& tensor, Dims dims, const Site& site);
  Datum stack(const List& items, std::optional<DType> wanted, const Site& site);
  Datum reduce(Op op, const Tensor& tensor, const std::vector<int64_t>& axes, bool keep, const Site& site);
  Datum mean(const Tensor& tensor, const std::vector<int64_t>& axes, bool keep, const Site& site);
  Datum accumulated(const Tensor& sum, const Site& site);
  std::optional<int64_t> axis_of(const Operand& operand, int64_t rank, const Site& site);
  std::optional<std::vector<int64_t>> axes_of(const std::optional<Operand>& operand, int64_t rank,
                                              const Site& site);

  // ---- the model (elaborate_model.cpp)
  bool open_model();
  struct ColumnInfo {
    std::string name;
    Dims dims;
    DType dtype = DType::f32;
    Span span;
    std::optional<Value> input;
    int64_t classes = 0;
    bool wrong = false;  // its type was reported
  };
  std::vector<ColumnInfo> columns;  // in the order of first mention
  void collect_columns();
  Datum read_column(ColumnInfo& column, const Site& site);
  // Evaluates a loss, metric, output or forward on the columns it names.
  Datum run_goal(const ast::Goal& goal);
  Datum run_forward(const ast::Function& forward);
  std::vector<const ast::Goal*> goals(ast::GoalKind kind) const;
  const ast::Function* forward_function() const;
  std::optional<Tensor> as_scalar(const Datum& value, const std::string& what, Span span, bool is_loss,
                                  Frame& frame);
  // The sum of all losses and its parts (name "" for the unnamed one), as f32[] or f64[].
  struct Loss {
    std::optional<Tensor> total;
    std::vector<std::pair<std::string, Tensor>> parts;
  };
  Loss run_losses();
  Value scalar_input(const std::string& name, DType dtype);

  // State of the walk.
  int depth = 0;
  int in_grad = 0;  // while the scalar of grad(…) is evaluated, sums over the batch stay sums of this batch
  size_t steps = 0;
  std::vector<std::pair<const void*, Instance*>> active_calls;
  std::vector<std::string> running_members;
  struct Remembered {
    std::vector<Datum> arguments;
    bool in_grad = false;
    Datum result;
  };
  std::map<std::pair<const void*, Instance*>, std::vector<Remembered>> remembered;
  std::map<std::string, int> stream_counts;
  std::map<std::string, Value> scalars;
  std::map<NodeId, size_t> column_nodes;
};

// ---- numbers while compiling (numbers.cpp) ---------------------------------------------------------------

// The result, or what is wrong ("division by zero").
std::variant<Number, bool, std::string> compute(Op op, const Number& a, const Number& b);
// Any elementwise op by its reference semantics; whole numbers stay whole where the op takes integers.
Number compute_op(Op op, std::span<const Number* const> numbers);

// The last line of a body: where its value stands.
Span body_span(const ast::Body& body);

// d loss / d parameter for each parameter, by one `grad` node.
std::optional<std::vector<Tensor>> gradients(Elaborator& e, const Tensor& loss,
                                             std::span<Parameter* const> of);

// ---- what is done with a finished graph (finish_graph.cpp) -----------------------------------------------

// Only what the outputs need, with the inputs first in signature order: columns, parameters, states, scalars.
Graph cleaned(const Graph& graph, std::string name);
// Splits a graph with `accumulate` nodes into the part run per batch and the part run once at the end.
struct MetricGoal {
  std::string name;  // as people write it: "metric accuracy"
  Span span;
};
struct Split {
  Graph eval;
  Graph finish;
};
std::optional<Split> split_metrics(const Graph& graph, std::span<const MetricGoal> goals,
                                   Diagnostics& diagnostics);

// ---- optimisers (optimizer.cpp) --------------------------------------------------------------------------

struct OptimizerState {
  std::string name;  // "optimizer.m.fc1.weight"
  TensorType type;
  double start = 0;
};
struct OptimizerResult {
  double default_lr = 0;
  std::vector<OptimizerState> states;
};
// Appends the update of every parameter as outputs of the elaborator's graph.
std::optional<OptimizerResult> apply_optimizer(Elaborator& e, const ast::Expr& call, const Tensor& loss);

// ---- checks on the text alone (lint.cpp) -----------------------------------------------------------------
void lint(const ast::File& file, Diagnostics& diagnostics);

}  // namespace nnc::frontend
