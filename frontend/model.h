// Elaboration: a syntax tree with its compile-time arguments bound becomes graphs. Layers are instantiated, functions
// inlined, loops and conditions settled, sizes unified; what is left is tensors.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontend/syntax/ast.h"
#include "ir/graph/graph.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::frontend {

// Parameters for which arguments of the optimizer are different.
struct OptimizerGroup {
  std::string match;  // their saved names: "*.bias"; `*` stands for any characters, `?` for one; empty: any
  int64_t rank = -1;  // their number of axes; -1: any
  struct Argument {
    std::string name, value;  // in .nn syntax
    Span name_span, value_span;
  };
  std::vector<Argument> arguments;
  Span span;  // may be invalid
};

// What a model is built with besides its text.
struct BuildOptions {
  // -D name=value: model arguments as expressions in .nn syntax ("64", "[64, 32, 10]", "true").
  std::map<std::string, std::string> arguments;
  std::map<std::string, Span> argument_spans;  // of their values, where a run file gives them
  std::map<std::string, Span> argument_keys;   // of their names there
  int64_t batch = 32;
  // An optimizer call in .nn syntax, "adam(lr = 0.01)"; empty: the training graph stops at the gradients.
  std::string optimizer;
  Span optimizer_span;  // where a run file gives it; may be invalid
  // The norm of all gradients together is at most this: where it is larger, they are scaled down. 0: no clipping.
  double clip_norm = 0;
  Span clip_span;
  // Evaluation and prediction read, in place of each parameter p, its average: a <- average * a + (1 - average) * p after each
  // step, from p after the first. 0: they read the parameters.
  double average = 0;
  // The averages start with the optimizer's first step; not after another optimizer, whose steps they hold.
  bool average_starts = true;
  // So many batches make one step of the optimizer, which takes the gradient of all their rows together.
  int64_t accumulate = 1;
  Span accumulate_span;
  std::vector<OptimizerGroup> groups;  // the first that fits a parameter counts
};

// A data column the model asks for.
struct Column {
  std::string name;
  TensorType type;      // with the batch bound
  bool batched = true;  // axis 0 is the batch
  // For an integer column that picks among classes: how many there are (labels are checked against it when the data
  // is read); 0 if the model does not say.
  int64_t classes = 0;
  // The one value besides those that the model lets stand for no class: it replaces it before it picks.
  std::optional<int64_t> ignored;
  Span span;  // where its type is given
  // The classes are places of a tensor that is looked up, as tokens are in an embedding, and nowhere labels.
  bool looks_up = false;
};

// A learned parameter.
struct ParameterInfo {
  std::string name;  // as saved: "fc1.weight"
  TensorType type;
  Span span;
};

// The graphs, by name:
//   init            (scalar seed: i64) → one output per param, state and moment, under its name
//   train           (columns, params, states, moments, scalars lr: f64, t: i64, seed: i64) → loss, loss.NAME…,
//                   param <- …, moment <- …; holds `grad` nodes until passes/differentiate
//   gradients       as train without an optimizer: outputs loss and the gradient of each param
//   eval            (columns, params, states, sums) → SUM <- SUM + this batch's part
//   finish          (params, states, sums) → loss, loss.NAME…, metric names
//   predict.OUTPUT  (columns, params, states) → OUTPUT
// `t` counts steps from 1. eval and finish split each metric at the
// sums over the batch (op accumulate), so that it means what it would mean if the whole set were one batch.
struct Model {
  std::string name;
  Module module;
  std::vector<Column> columns;
  std::vector<ParameterInfo> parameters;
  std::vector<std::string> losses;  // names of the parts, "" for the unnamed one
  std::vector<std::string> metrics;
  std::vector<std::string> outputs;
  double default_lr = 0;                     // of the optimizer
  std::map<std::string, std::string> bound;  // every model argument as bound, for reports
};

class Meanings;  // elaborate/meanings.h

// Elaborates the file, which parse() gave, once per graph; what it imports and the standard library are added to
// `sources`. Fails with everything that is wrong reported; warnings alone do not fail it. `meanings`, where they are asked for,
// takes what the words of the file came to mean, after an error too.
Result<Model> build_model(const ast::File& file, Sources& sources, const BuildOptions& options,
                          Diagnostics& diagnostics, Meanings* meanings = nullptr);

// For `nnc run`: one graph that computes every named value of the file, the loss, its gradients, and one step.
// Outputs: each named value in source order, metrics, outputs, the loss and its parts, the gradient of each param, and
// after the optimizer's update PARAM <- ….
struct Exploration {
  // What the user calls an output of the graph.
  struct Shown {
    enum class Kind : uint8_t { value, part, metric, output } kind;
    std::string name;
    std::string output;  // its name in the graph
  };
  Graph graph;  // inputs: params and states, scalars lr, t, seed
  Graph init;
  double default_lr = 0;                           // of the optimizer
  std::vector<std::string> values;                 // names in source order
  std::vector<Shown> shown;                        // in the order of the graph's outputs
  std::map<std::string, std::string> not_shown;    // value name → what it is, for what is no tensor
  std::map<std::string, std::string> no_gradient;  // value name → reason, for what is not differentiated
  std::vector<std::string> explanations;           // "x[10,3] @ weight.T[3,2] + bias[2] → [10,2] (…)"
};
// Like build_model(); data columns are an error (needs_data).
Result<Exploration> build_exploration(const ast::File& file, Sources& sources, const BuildOptions& options,
                                      Diagnostics& diagnostics, Meanings* meanings = nullptr);

// What a model computes on the way to its outputs, to be looked at: one graph with these values as its outputs.
struct Activations {
  // What it is made by: the data, a convolution, a scan (the states after its steps), a softmax (shares of 1), or else.
  enum class Kind : uint8_t { other, input, maps, states, shares };
  struct Value {
    std::string
        name;  // path of the layer and name, "h.0.attn.weights"; "conv#2" where conv comes a second time
    std::string output;  // its name in the graph
    Shape shape;         // without the batch
    Kind kind = Kind::other;
    // The axes that go along the places of a sequence that is read as whole numbers, i32[batch, time].
    std::vector<size_t> along = {};
  };
  Graph graph;                // activations (columns, params, states) → each value
  std::vector<Value> values;  // in the order in which they are computed
};
// Like build_model(), for a model whose outputs build; all of them are computed. For batches of one row.
Result<Activations> build_activations(const ast::File& file, Sources& sources, BuildOptions options,
                                      Diagnostics& diagnostics);

// The names and texts of the embedded standard library ("std.nn", …).
struct StdFile {
  std::string_view path;  // "std/layers.nn"
  std::string_view text;
};
std::span<const StdFile> standard_library();

}  // namespace nnc::frontend
