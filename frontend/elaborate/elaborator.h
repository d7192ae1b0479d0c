// The elaborator: an abstract interpreter that walks the syntax tree with its compile-time arguments bound
// and leaves tensors behind as nodes of one graph. One Elaborator makes one graph (init, train, eval, …) and
// is thrown away; frontend/build_model.cpp runs one per graph.
//
// A failed evaluation reports once and yields Poison, which everything else absorbs silently: many errors per
// run. Evaluation is bounded: by steps, depth, nodes and list lengths (kMost… below), so that no input hangs
// us.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "frontend/builtins/builtin.h"
#include "frontend/builtins/elementwise.h"
#include "frontend/elaborate/instance.h"
#include "frontend/elaborate/meanings.h"
#include "frontend/elaborate/taps.h"
#include "frontend/elaborate/value.h"
#include "frontend/library.h"
#include "ir/graph/builder.h"

namespace nnc::frontend {

inline constexpr size_t kMostNodes = 1'000'000;
inline constexpr size_t kMostSteps = 5'000'000;
inline constexpr int kMostDepth = 600;          // nested expressions, through calls
inline constexpr int64_t kMostTurns = 100'000;  // of a `for`, entries of a list
inline constexpr size_t kMostListed = 1'000'000;
inline constexpr size_t kMostNesting = 40;  // layers in layers

// What the graph is for. `evaluate`: a metric, in which sums over the batch mean the whole set (finish_graph.h).
enum class Mode { init, train, evaluate, predict };

// One class, because evaluation is one mutual recursion; its parts are in the files that the headings name. What may
// fail reports the reason at `site` (or at the words of an operand) and gives Poison, nothing, or false.
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

  std::deque<Instance> instances;    // deques, because both are pointed at
  std::deque<Parameter> parameters;  // in the order they were made
  Instance* root = nullptr;          // the model
  bool stopped = false;              // a limit was passed: everything evaluates to Poison

  // ---- reporting (elaborate.cpp). A place in the standard library becomes the user's call, with a label.
  Diagnostic& error(DiagnosticKind kind, const Site& site, std::string message);
  Diagnostic& warning(DiagnosticKind kind, const Site& site, std::string message);
  // The user's words behind a place: itself, or where the standard library was called from.
  Span user_span(const Site& site) const;
  // "WHAT is not built yet"
  Datum not_built(const Site& site, std::string what);
  bool step(const Site& site);  // counts; false once a limit is passed
  std::string source_text(Span span) const { return std::string(sources.text(span)); }

  // ---- explanations for `nnc run` (explain.cpp)
  bool explaining = false;
  std::vector<std::string> explanations;
  // Says how a product came about.
  void explain(const ast::Binary& binary, const ast::Expr& expr, const Datum& left, const Datum& right,
               const Datum& result, Frame& frame);
  const ast::Expr* explained = nullptr;  // the last one explained, and its words
  std::string explained_text;
  std::string explained_notes;

  // ---- what values are called (elaborate/taps.cpp): in the graph and, but for a scan's steps, in the taps
  Taps* taps = nullptr;                // where values are recorded to be looked at, if they are asked for
  std::map<Value, Taps::From> called;  // whose nodes have a name, and from what
  void call_value(const std::string& name, Taps::From from, const Datum& value);
  // `name = value` in a body of this layer or model, or in a function that it calls.
  void tap_binding(const ast::Name& name, const Instance* owner, const Datum& value);
  // What a function of a layer or of the model gives.
  void tap_result(const ast::Function& function, const Instance& self, const Datum& value);
  // The innermost layer or model whose function is being evaluated; null where there is none.
  const Instance* active_owner() const;

  // ---- what the text came to mean (elaborate/meanings.cpp)
  Meanings* meanings = nullptr;  // where it is recorded, if it is asked for
  void note_value(Span place, const Datum& value);
  void note_result(Span place, const Datum& value);

  // ---- names (elaborate/names.cpp)
  // What a name means at a place; nothing, and nothing reported, if it has no meaning there.
  std::optional<Datum> lookup(const std::string& name, const Site& site);
  // The same where it must have one. A whole number takes the user's word for it along.
  Datum name_value(const std::string& name, const Site& site);
  // `loss` where the parts have names: their sum, if they take no data. Nothing if there is no loss.
  std::optional<Datum> summed_losses(const Site& site);
  // Whether the standard library or a built-in has the name, which the file may hide.
  bool is_in_library(std::string_view name) const;
  // For "did you mean": every name with a meaning in the frame, or only those of whole numbers (sizes).
  std::vector<std::string> known_names(const Frame& frame, bool numbers_only);
  // Evaluates a member when it is first asked for; a cycle of members is an error.
  Datum force(Instance& instance, Slot& slot, const Site& site);
  void force_ready(Instance& instance);
  void force_all(Instance& instance);  // but losses, metrics and outputs
  // An argument or a member of the instance itself.
  std::optional<Datum> own_slot(Instance& instance, const std::string& name, const Site& site);

  // ---- expressions (elaborate/expr.cpp; parts and draws: elaborate/parts.cpp)
  Datum eval(const ast::Expr& expr, Frame& frame);
  // `of`: whose body it is, for messages.
  Datum eval_body(const ast::Body& body, Frame& frame, const std::string& of);
  // Runs a block; its last expression goes to `value` when wanted. False when the value is missing.
  bool run_block(const ast::Block& block, Frame& frame, Datum* value);
  void run_binding(const ast::Binding& binding, Frame& frame);
  // `name <- value`: in an optimizer's rule, of p or a state; elsewhere, of a state of the layer or model whose body this
  // is. Of the latter every later read sees the new value, as a constant to differentiation; what training leaves is
  // stored once, at the end of the step, and nothing changes in evaluation.
  void update(const ast::Name& name, const Operand& value, const Site& site);
  // What a state of this shape becomes, or nothing, which has been reported.
  std::optional<Tensor> new_value(const std::string& name, const Dims& dims, DType dtype,
                                  const Operand& value, const Site& site);
  // The slot of the member that is declared `state`; null if the name means anything else.
  Slot* state_slot(const std::string& name, const Frame& frame);
  void run_for(const ast::ForLoop& loop, Frame& frame);
  // A let: hides an earlier one of the frame, but no member and no state of an optimizer.
  void assign(const ast::Name& name, Datum value, Frame& frame);
  // A list, constant or tensor as the `count` parts along its first axis; a number is each of them.
  std::optional<std::vector<Datum>> take_apart(const Operand& operand, size_t count, const Site& site);
  // The parts that a `for` goes through.
  std::optional<std::vector<Datum>> turns_of(const Operand& operand, const Site& site);
  Datum list(std::vector<Datum> items, const Site& site);
  // f32[dims], drawn anew in each step. `name` and the frame's path make the stream: two draws never share numbers.
  Datum draw(const Datum& from, const Dims& dims, const std::string& name, const Site& site);
  // The steps of a recurrence, stacked (elaborate/scan.cpp).
  Datum scan(const ast::Scan& scan, const Site& site);
  void declare_carried(const ast::Binding& binding, Frame& frame);
  // `name <- value` where the name is a state of the scan; false where it is not.
  bool update_carried(const ast::Name& name, const Operand& value, const Site& site);
  // Settled while compiling: a tensor is an error.
  std::optional<bool> condition(const ast::Expr& expr, Frame& frame);

  // ---- calls (elaborate/call.cpp)
  // `piped` comes before the written arguments (left |> f(…)); null for none.
  Datum eval_call(const ast::Call& call, const ast::Expr& expr, const Operand* piped, Frame& frame);
  // Whatever can be called, with arguments that are evaluated; a hole among them gives a Partial.
  Datum call(const Operand& callee, std::vector<Actual> actuals, const Site& site);
  Datum call_partial(const Partial& partial, std::vector<Actual> actuals, Span callee_span, const Site& site);
  Datum call_layer(Instance& instance, std::vector<Actual> actuals, const Operand& callee, const Site& site);
  // A model's own function and a goal are computed once for the same arguments.
  Datum call_function(const FunctionRef& ref, std::vector<Actual> actuals, const Operand& callee,
                      const Site& site);
  Datum call_goal(const GoalRef& ref, std::vector<Actual> actuals, const Operand& callee, const Site& site);
  // Marks the axes a layer brought in as its output, for messages.
  // Warns where a loss that takes scores is given what its own softmax or sigmoid makes of them.
  void warn_of_scores(const Local& first, const std::string& loss, const Site& site);
  void note_origin(Tensor& result, const std::vector<Datum>& arguments, const std::string& layer);
  Datum call_builtin(const BuiltinRef& ref, std::vector<Actual> actuals, const Site& site);
  // Each layer on what the one before it gives.
  Datum call_list(const List& layers, std::vector<Actual> actuals, const Operand& callee, const Site& site);
  // Puts arguments into `frame.locals`, in the order of the parameters into `order`; false after an error.
  bool bind_arguments(std::span<const ast::Parameter> parameters, std::vector<Actual>& actuals, Frame& frame,
                      const std::string& callee, const Site& site,
                      std::vector<std::pair<std::string, Local>>* order = nullptr);

  // ---- types (elaborate/type.cpp; match_arguments: type_match.cpp)
  // Unifies the arguments in `frame.locals` with their types: sizes that are named for the first time become locals, and
  // numbers become tensors of the shape that their type has by then.
  bool match_arguments(std::span<const ast::Parameter> parameters, Frame& frame, const Operand& callee,
                       const std::string& callee_name, const Site& site);
  // A written type whose sizes are all known: f32[batch, 2 * hidden].
  std::optional<Dims> resolve_dims(const ast::Type& type, Frame& frame);
  std::optional<Number> resolve_size(const ast::Expr& expr, Frame& frame);  // whole, from 1 to 2^31
  std::optional<DType> resolve_dtype(const ast::Type& type, Frame& frame);
  // `value` as the written type says: checked, a number made a tensor of that shape. `what` names it in messages.
  Datum coerce(const Datum& value, const ast::Type& type, const std::string& what, Span value_span,
               Frame& frame);
  // The same for what a function gives; the dims keep the names that the value has.
  Datum check_result(const Datum& value, const ast::Type& type, const std::string& callee, Span value_span,
                     Frame& frame);

  // ---- layers (elaborate/layer.cpp)
  // linear(64, 32): an instance with its arguments bound and its members still to be evaluated.
  Datum instantiate(const LayerRef& ref, std::vector<Actual> actuals, const Operand& callee,
                    const Site& site);
  void add_slots(Instance& instance);  // one per name that its body declares
  // Names the layers in `value` (one, or lists of them) by where they end up: the first place counts.
  void place(const Datum& value, Instance& parent, const std::string& segment, const std::string& saved);
  // Whether layers are not nested too deep here; reports it, once, and stops where they are.
  bool check_levels(const Instance& instance);
  // Whether the model owns it, directly or through others: then its parameters have names.
  bool is_anchored(const Instance& instance) const;
  // Reports a layer that is not anchored but used.
  Diagnostic& unnamed_layer(const std::string& layer, const Site& site);
  std::string saved_path(const Instance& instance) const;  // "net.0"
  Datum member_of(const Operand& object, const ast::Name& name, const Site& site);
  // Evaluates a member binding into its slots.
  void define(Instance& instance, const ast::MemberItem& item, const ast::MemberBinding& member);
  // as "block{i}" with the numbers put in.
  std::optional<std::string> interpolate(const ast::Name& text, Frame& frame);

  // ---- parameters (parameters.cpp)
  // Name number `which` of `param a, b: f32[…] ~ …`: a new parameter, or what was given in its place when the layer was
  // made (`bias = 0`, `weight = tok.weight`).
  Datum make_parameter(Instance& instance, const ast::MemberBinding& member, size_t which, Frame& frame);
  // f32 of the parameter's dims; makes its input node when first read.
  Datum read_parameter(Parameter& parameter, const Site& site);
  // Whether a parameter or a column may have this name: some are those of nnc's own inputs. Reports with `said` where not.
  bool may_be_stored_as(const std::string& name, const std::string& said, const Site& site,
                        const std::string& mend);
  // Every parameter and drawn member that is owned below the model, in declaration order.
  std::vector<Parameter*> all_parameters();
  // Appends those behind `value` that are not in `seen`. `owned_only`: of layers that `owner` owns, not of those it
  // only names.
  void collect_parameters(const Datum& value, std::vector<Parameter*>& out, std::set<const void*>& seen,
                          bool owned_only, Instance* owner);

  // ---- tensors (tensor_ops.cpp, tensor_logic.cpp, tensor_shape.cpp, tensor_reduce.cpp)
  // A node with one result, whose type must come out as dims and dtype say.
  Datum emit(Op op, std::vector<Value> operands, Attrs attrs, Dims dims, DType dtype, const Site& site);
  // Whether the dtype can hold the number; reports one beyond its ends.
  bool fits(double number, DType dtype, const Site& site);
  Tensor constant_tensor(const Constant& constant, DType dtype, const Site& site);
  // Filled with the number. In a metric a number that depends on the batch is summed over the batches.
  Tensor number_tensor(const Number& number, DType dtype, const Dims& dims, const Site& site);
  // Any value that can be a tensor; one without a dtype of its own takes the wanted one, or f32. `what` takes it.
  std::optional<Tensor> as_tensor(const Operand& operand, std::optional<DType> wanted,
                                  const std::string& what, const Site& site);
  std::optional<Tensor> cast_to(const Tensor& tensor, DType dtype, const Site& site);
  // Written 1s stretch and leading axes are added; other axes must be equal.
  std::optional<Tensor> broadcast_to(const Tensor& tensor, const Dims& dims, const Site& site);
  Datum elementwise(const Elementwise& op, const Operand& left, const Operand& right, const Site& site);
  Datum unary_minus(const Operand& operand, const Site& site);
  Datum logical_not(const Operand& operand, const Site& site);
  Datum logical(bool is_and, const Operand& left, const Operand& right, const Site& site);
  // An elementwise op by its own name: of numbers its reference semantics, of tensors a node.
  Datum call_op(Op op, BuiltinArguments arguments, const Site& site);
  Datum where(const Operand& c, const Operand& a, const Operand& b, const Site& site);
  // f32[…, m, k] @ f32[…, k, n] → f32[…, m, n]; a vector is a row to the left and a column to the right, and that axis
  // is dropped again.
  Datum matmul(const Operand& left, const Operand& right, const Site& site);
  Datum transpose(const Operand& x, const Site& site);  // the last two axes
  Datum index(const Operand& object, const std::vector<ast::IndexItem>& items, const Site& site);
  // Positions below `count`: those known while compiling are looked at now, a column's when data is read, others are clamped
  // when they are used. Reports, as `what`, one that is outside.
  bool check_positions(const Tensor& position, int64_t count, std::string_view what, const Site& site);
  // Whole numbers as positions along an axis of `count`: negative ones count from the end, those outside are an error.
  std::optional<Tensor> constant_positions(Constant constant, int64_t count, const Site& site);
  // False, with an error, where a metric would depend on which rows a batch holds: `what` goes along the batch.
  bool keeps_rows(const Dim& dim, std::string_view what, const Site& site);
  // Indices begin … end - 1 of one axis.
  Datum slice_axis(const Tensor& tensor, int64_t axis, int64_t begin, int64_t end, const Site& site);
  Datum drop_axis(const Tensor& tensor, int64_t axis, const Site& site);  // an axis of extent 1
  Datum reshape_to(const Tensor& tensor, Dims dims, const Site& site);
  // A list of n equal tensors as one with a new first axis of n.
  Datum stack(const List& items, std::optional<DType> wanted, const Site& site);
  // Over `axes` (ascending); with `keep` they stay as written 1s.
  Datum reduce(Op op, const Tensor& tensor, const std::vector<int64_t>& axes, bool keep, const Site& site);
  Datum mean(const Tensor& tensor, const std::vector<int64_t>& axes, bool keep, const Site& site);
  // A sum over one batch as the sum over the whole set.
  Datum accumulated(const Tensor& sum, const Site& site);
  // From 0; negative ones count from the end.
  std::optional<int64_t> axis_of(const Operand& operand, int64_t rank, const Site& site);
  // One or a list of them, ascending; all where none is given.
  std::optional<std::vector<int64_t>> axes_of(const std::optional<Operand>& operand, int64_t rank,
                                              const Site& site);

  // ---- the model (elaborate/model.cpp)
  // Makes `root` from the file's model and the -D arguments, and its columns. To be called first.
  bool open_model();
  struct ColumnInfo {
    std::string name;
    Dims dims;
    DType dtype = DType::f32;
    Span span;
    std::optional<Value> input;
    int64_t classes = 0;             // as Column::classes
    std::optional<int64_t> ignored;  // as Column::ignored
    bool looks_up = false;           // as Column::looks_up
    bool wrong = false;              // its type was reported
  };
  std::vector<ColumnInfo> columns;  // in the order of first mention
  void collect_columns();
  Datum read_column(ColumnInfo& column, const Site& site);
  // Evaluates a loss, metric, output or forward on the columns it names.
  Datum run_goal(const ast::Goal& goal);
  Datum run_forward(const ast::Function& forward);
  std::vector<const ast::Goal*> goals(ast::GoalKind kind) const;
  const ast::Function* forward_function() const;
  // A metric as f32[]. Nothing where something is wrong with it, which is reported.
  std::optional<Tensor> run_metric(const ast::Goal& goal);
  // The value of an output or of forward as a tensor, f32 instead of f64. Nothing where it is not a tensor, which is
  // reported of `what`.
  std::optional<Tensor> output_tensor(const Datum& value, const std::string& what, Span span);
  // A loss or metric as one real number, f32[] or f64[].
  std::optional<Tensor> as_scalar(const Datum& value, const std::string& what, Span span, bool is_loss,
                                  Frame& frame);
  // The sum of all losses and its parts (name "" for the unnamed one), as f32[] or f64[].
  struct Loss {
    std::optional<Tensor> total;
    std::vector<std::pair<std::string, Tensor>> parts;
  };
  Loss run_losses();
  // The graph's scalar of that name: lr, t, seed.
  Value scalar_input(const std::string& name, DType dtype);

  // State of the walk.
  int depth = 0;
  bool ordered = false;  // force_ready was there
  int in_grad = 0;  // while the scalar of grad(…) is evaluated, sums over the batch stay sums of this batch
  int in_scan = 0;  // bodies of scans around what is evaluated
  size_t steps = 0;
  std::vector<std::pair<const void*, Instance*>> active_calls;
  std::vector<std::string> running_members;
  struct Remembered {
    std::vector<Datum> arguments;
    bool in_grad = false;
    Datum result;
  };
  std::map<std::pair<const void*, Instance*>, std::vector<Remembered>> remembered;  // by function or goal
  std::map<std::string, int> stream_counts;
  std::map<std::string, Value> scalars;
  std::map<NodeId, size_t> column_nodes;  // of the columns' inputs: their place in `columns`
};

// The word of a callee that says what is called: of cell.step the step.
Span called_at(const ast::Expr& callee);

// "loss", "accuracy": its name, or its kind where it has no name.
std::string goal_name(const ast::Goal& goal);
// "loss", "metric accuracy": for messages.
std::string goal_text(const ast::Goal& goal);

// The last line of a body: the place of its value.
Span body_span(const ast::Body& body);

// d loss / d parameter for each parameter, by one `grad` node: f32 of the parameter's dims. `loss`: f32[].
std::optional<std::vector<Tensor>> gradients(Elaborator& e, const Tensor& loss,
                                             std::span<Parameter* const> of);

}  // namespace nnc::frontend
