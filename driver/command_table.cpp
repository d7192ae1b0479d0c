// The table of commands, and which flags each takes, as CLI11 is told them.
#include "driver/command_table.h"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "driver/flag_checks.h"

namespace nnc::driver {
namespace {

enum FlagGroup : uint32_t {
  kDefine = 1 << 0,     // -D
  kOptimizer = 1 << 1,  // --optimizer
  kSeed = 1 << 2,
  kTarget = 1 << 3,   // --threads, --schedule, --isa, --vector-units: what machine code is made for
  kCode = 1 << 4,     // --no-cache, -g
  kDisable = 1 << 5,  // --disable-pass
  kBuild = kTarget | kCode | kDisable,
  kJson = 1 << 6,
  kGraph = 1 << 7,  // --graph
  kSet = 1 << 8,    // --set
  kModel = kDefine | kSet,
  kMemory = 1 << 9,   // --memory
  kVerify = 1 << 10,  // --verify-passes
};

// A flag with a value, called `kind` in the help text. A list takes one with each flag.
template <class T>
CLI::Option* option(CLI::App& app, const char* name, T& to, const char* kind, const char* about,
                    FlagCheck check = nullptr) {
  CLI::Option* added = app.add_option(name, to, about)->type_name(kind);
  if constexpr (std::is_same_v<T, std::vector<std::string>>) added->allow_extra_args(false);
  if (check) added->check(CLI::Validator(std::move(check), "", "value"));
  return added;
}

void add_groups(CLI::App& app, uint32_t groups, Options& o) {
  if ((groups & kDefine) != 0)
    option(app, "-D", o.defines, "NAME=VALUE",
           "Bind a model argument or the batch size: -D hidden=64 -D batch=32; the last of several for a "
           "name counts");
  if ((groups & kSet) != 0)
    option(app, "--set", o.sets, "KEY=VALUE",
           "Override a key of the run file: --set train.epochs=5; the last of several counts");
  if ((groups & kOptimizer) != 0)
    option(app, "--optimizer", o.optimizer, "CALL",
           "An optimizer call, \"adam(lr = 0.01)\" (default: the run file's, or sgd)");
  if ((groups & kSeed) != 0)
    option(app, "--seed", o.seed, "N", "Where random numbers start (default 0)", valid_seed);
  if ((groups & kTarget) != 0) {
    option(app, "--threads", o.threads, "N", "Number of threads; the result is the same to the bit",
           whole(1, 1024));
    option(app, "--schedule", o.schedule, "HOW", "none: the plain loops; random:SEED: any valid schedule",
           valid_schedule);
    option(app, "--isa", o.isa, "NAME",
           "avx2 or avx512, for caches of usual sizes (default: what this processor has)",
           one_of({"avx2", "avx512"}));
    option(app, "--vector-units", o.vector_units, "BITS",
           "Schedule for multiply-add units of 256 or 512 bits (default: as measured here)",
           one_of({"256", "512"}));
  }
  if ((groups & kCode) != 0) {
    app.add_flag("--no-cache", o.no_cache, "Neither read nor write the cache of machine code");
    app.add_flag("-g", o.debug_lines, "Line tables for gdb and perf");
  }
  if ((groups & kDisable) != 0)
    option(app, "--disable-pass", o.disabled_passes, "NAME", "Leave out an optional pass")->delimiter(',');
  if ((groups & kMemory) != 0)
    option(app, "--memory", o.memory, "SIZE",
           "Take no more memory than this, 200M or 1.5G: instead of keeping values for the backward pass, "
           "compute them again there; the result is the same to the bit",
           valid_size);
  if ((groups & kVerify) != 0)
    app.add_flag("--verify-passes", o.verify_passes,
                 "Evaluate the graph before and after each pass, and the code, on random inputs; name the "
                 "first stage that "
                 "changes a value");
  if ((groups & kGraph) != 0)
    option(app, "--graph", o.graph, "NAME",
           "train, eval, init, finish, gradients or predict.OUTPUT (default train)");
  if ((groups & kJson) != 0) app.add_flag("--json", o.json, "Machine-readable output");
}

// ---- flags of one command each ----------------------------------------------------------------------------

void checkpoint_flag(CLI::App& app, Options& o) {
  option(app, "--checkpoint", o.checkpoint, "WHICH",
         "best, latest, or a checkpoint's path (default: the best if the run has train.best, else the "
         "latest)");
}

void inspect_flags(CLI::App& app, Options& o) {
  option(app, "--stage", o.stage, "STAGE", "ast, graph, grad, fused, kernels, llvm or asm (default graph)",
         one_of({"ast", "graph", "grad", "fused", "kernels", "llvm", "asm"}));
  app.add_flag("--source", o.sourced, "Say beside each line which words of the model it comes from");
  option(app, "--where", o.where, "FILE:LINE",
         "Show only what this line of the model became, at every stage or at the one --stage names");
  option(app, "--value", o.value_name, "NAME",
         "Show only lines with this value, where * stands for any characters");
  option(app, "--kernel", o.kernel, "NAME", "Show only this kernel, where * stands for any characters");
  option(app, "--wrt", o.wrt, "NAME",
         "Show only what computes the gradient of this parameter; may be repeated");
  option(app, "--diff", o.diff, "A,B", "Show what the stage B has and A has not: --diff=grad,fused")
      ->delimiter(',');
  app.add_flag("--each-pass", o.each_pass, "Show what each pass changes, and the time it takes");
  option(app, "--tensor", o.tensor, "NAME",
         "Show this tensor of a checkpoint or of a trained run; with --activations, values of this "
         "name only, where * stands for any characters");
  option(app, "--activations", o.activations, "INPUT",
         "Show what a trained run computes on the way, of an input as nnc predict takes it, or of a "
         "text: 'KING:'");
  option(app, "--row", o.row, "N", "Of --activations: which row of INPUT, from 0 (default 0)",
         whole(0, INT64_MAX));
  option(app, "-o", o.output, "FILE",
         "Draw the stage into FILE.svg or .dot; the tensor as pictures into FILE.png; the activations into "
         "FILE.png, .svg or .html");
  option(app, "--pictures", o.pictures, "CxHxW",
         "The shape of one of them: 28x28 or 3x32x32 (default: square, gray or in three colors)");
  option(app, "--names", o.names, "A,B,...", "Their captions (default: categories, or numbers from 0)")
      ->delimiter(',');
}

void passes_flag(CLI::App& app, Options& o) {
  option(app, "--passes", o.passes, "A,B,...", "Exactly these, in this order (default: the whole pipeline)");
}

void reduce_flags(CLI::App& app, Options& o) {
  app.add_flag("--crash", o.crash, "Only a stop of the compiler counts: an internal error or a crash");
  passes_flag(app, o);
  option(app, "-o", o.output, "FILE", "Write it here (default: FILE-reduced.nnir, or .nn of a model)");
}

void opt_flags(CLI::App& app, Options& o) {
  passes_flag(app, o);
  app.add_flag("--print-changed", o.print_changed, "Print the graph after each pass that changes it");
}

void run_flags(CLI::App& app, Options& o) {
  option(app, "-e", o.expression, "EXPR", "Evaluate an expression instead of a file");
  option(app, "--steps", o.steps, "N", "Steps of the optimizer to take (default 1)", whole(0, 1'000'000'000));
  option(app, "--every", o.every, "K", "Print the loss and the metrics every K steps",
         whole(1, 1'000'000'000));
  option(app, "-o", o.output, "FILE", "Draw the loss over the steps as FILE.svg or FILE.png");
  app.add_flag("--interpret", o.interpret,
               "Use the reference interpreter, in double, instead of compiled code");
}

void paths_flags(CLI::App& app, Options& o) {
  option(app, "--optimizer", o.optimizers, "CALL",
         "An optimizer call; each one is a trajectory (default: sgd)");
  option(app, "--steps", o.path_steps, "N",
         "Steps of each --optimizer (default: as many as the run files take, or 200)", whole(1, 20'000));
  option(app, "--window", o.window, "X0:X1,Y0:Y1",
         "What is drawn: -2:4,-1:3 (default: the trajectories and the minima around)", valid_window);
  option(app, "-o", o.outputs, "FILE", "FILE.html, .svg or .png; may be repeated (default: FILE-paths.html)");
}

void gradcheck_flags(CLI::App& app, Options& o) {
  option(app, "--entries", o.entries, "N",
         "Of each parameter, at most this many, spread evenly (default 100)", whole(1, INT64_MAX));
  option(app, "--step", o.step_size, "H", "The h of (f(x + h) - f(x - h)) / 2h (default: chosen per entry)",
         valid_positive);
  option(app, "--tolerance", o.tolerance, "T", "Largest relative error that passes (default 1e-6)",
         valid_positive);
}

void explain_flags(CLI::App& app, Options& o) {
  option(app, "--wrt", o.wrt, "NAME",
         "Only the derivative of the loss by this parameter or value, and what it needs; may be repeated");
  app.add_flag("--raw", o.raw, "Every step of back-propagation, as the rules of differentiation give it");
  app.add_flag("--latex", o.latex, "As LaTeX");
  app.add_flag("--mathml", o.mathml, "As a MathML element");
  app.add_flag("--values", o.values,
               "Compute one batch (the run file's first rows, or drawn at random) and show every value");
  app.add_flag("--check", o.check,
               "Read the text back, compute it, and compare with the gradients that the compiler makes");
}

void train_flags(CLI::App& app, Options& o) {
  app.add_flag("--fresh", o.fresh, "Start over instead of resuming");
}

void report_flags(CLI::App& app, Options& o) {
  option(app, "-o", o.output, "FILE", "Where to write the page (default: report.html in the run's folder)");
  app.add_flag("--live", o.live, "Serve the page to this machine while the run continues");
  option(app, "--port", o.port, "N", "Where --live listens (default 7878; 0: any free port)",
         whole(0, 65535));
}

void compare_flags(CLI::App& app, Options& o) {
  option(app, "-o", o.output, "FILE.html", "Write the curves as a page");
}

void init_flags(CLI::App& app, Options& o) {
  option(app, "--label", o.label, "COLUMN",
         "The column of the table to predict, by name or number (default: guessed)");
  option(app, "-o", o.output, "NAME",
         "Write NAME.nn and NAME.toml, in a folder if NAME has one (default: named after the data)");
}

void predict_flags(CLI::App& app, Options& o) {
  option(app, "--output", o.output, "NAME", "Which of the model's outputs (default: the first)");
  app.add_flag("--values", o.values, "Every output of all rows together, laid out as nnc run does, not CSV");
  option(app, "--keep", o.kept, "COLUMN",
         "Write this column of the input too, by name or number; may be repeated");
  option(app, "-o", o.written, "FILE", "Write to FILE instead of standard output");
  checkpoint_flag(app, o);
}

void generate_flags(CLI::App& app, Options& o) {
  option(app, "--prompt", o.prompt, "TEXT", "What the text begins with (default: a new line)");
  option(app, "--length", o.length, "N", "How many characters are written after it (default 200)",
         whole(1, 1'000'000'000));
  option(app, "--temperature", o.temperature, "T",
         "Above 1 bolder, below 1 more careful, 0 always the likeliest (default 1)", valid_not_negative);
  option(app, "--top-k", o.top_k, "K", "Draw from the K likeliest only (default: from all)",
         whole(1, 1'000'000'000));
  option(app, "--output", o.output, "NAME",
         "The output that says what comes next (default: the first that does)");
  checkpoint_flag(app, o);
}

void eval_flags(CLI::App& app, Options& o) {
  option(app, "--part", o.part, "PART",
         "train, validation or test (default: test; of a run without one, validation or train)",
         one_of({"train", "validation", "test"}));
  checkpoint_flag(app, o);
}

void timed_output_flag(CLI::App& app, Options& o) {
  option(app, "--output", o.output, "NAME", "Predict this output of a batch (default: train on it)");
}

void bench_flags(CLI::App& app, Options& o) {
  timed_output_flag(app, o);
  option(app, "--max-seconds", o.max_seconds, "S",
         "Limit of the timed part (default 60; 3 where a run says no number of steps)", valid_positive);
}

void profile_flags(CLI::App& app, Options& o) {
  timed_output_flag(app, o);
  option(app, "--seconds", o.seconds, "S", "How long steps are run, 2000 of them at most (default 1)",
         valid_positive);
  option(app, "--trace", o.trace, "FILE.json",
         "Also write one step as a trace for Perfetto or chrome://tracing");
}

void passes_flags(CLI::App& app, Options& o) {
  option(app, "--seconds", o.seconds, "S", "How long steps are run, of all passes together (default 1)",
         valid_positive);
}

void ops_flags(CLI::App& app, Options& o) {
  app.add_flag("--markdown", o.markdown, "The whole reference, as docs/ops.md");
}

void fmt_flags(CLI::App& app, Options& o) {
  app.add_flag("--check", o.check_only, "Change nothing; exit 1 and name the files that are not in style");
  app.add_flag("--write", o.write, "Rewrite the files in place");
}

void lsp_flags(CLI::App& app, Options& o) {
  app.add_flag("--stdio", o.stdio, "Speak over standard input and output, as it does anyway");
}

// ---- the table --------------------------------------------------------------------------------------------

constexpr size_t kAny = 1000;
constexpr CommandRow kCommands[] = {
    {"check", "FILE", 1, 1, "nnc check examples/digits/digits.nn",
     "Reports what is wrong with a model or run file; builds nothing.", kModel | kOptimizer | kJson, check},
    {"compile", "FILE", 1, 1, "nnc compile examples/digits/digits.nn -D batch=64",
     "Compiles a model's training step, a graph or kernels (FILE.nnir, .nnk) and prints parameters, FLOPs "
     "per "
     "step, the exact memory bill, kernels and compile times.",
     kModel | kOptimizer | kBuild | kMemory | kGraph | kJson | kVerify, compile},
    {"inspect", "FILE", 1, 1, "nnc inspect examples/digits/digits.nn --stage=fused",
     "Prints any stage of a model as text, lists a checkpoint's tensors, or shows one of them: its numbers, "
     "or its rows as pictures. Shows what a trained model computes on an input.",
     kModel | kOptimizer | kTarget | kDisable | kMemory | kGraph | kJson, inspect, inspect_flags},
    {"opt", "FILE", 1, 1, "nnc opt --passes=fuse_linear,remove_dead step.nnir",
     "Runs passes on a graph (FILE.nnir, or a model) and prints the result.",
     kModel | kOptimizer | kTarget | kDisable | kGraph | kVerify, opt, opt_flags},
    {"reduce", "FILE [-- COMMAND...]", 1, kAny, "nnc reduce step.nnir -- ./still-fails.sh {}",
     "Makes a failing graph (FILE.nnir) or model (FILE.nn) small for as long as it fails: a stage changes a "
     "value, the "
     "compiler stops, or COMMAND, with the candidate's path for {}, exits with 0.",
     kDefine | kOptimizer | kTarget | kDisable | kGraph | kVerify, reduce_failing, reduce_flags},
    {"run", "[FILE]", 0, 1, "nnc run -e 'softmax([3.2, 5.1, -1.7])'",
     "Runs a small program: every value, the loss, each gradient, and what steps of an optimizer make of "
     "them.",
     kDefine | kOptimizer | kSeed | kBuild | kGraph | kVerify, run, run_flags},
    {"paths", "FILE...", 1, kAny,
     "nnc paths examples/surfaces/beale.nn --optimizer 'sgd(lr = 0.01)' --optimizer 'adagrad(lr = 0.3)' -o "
     "beale.html",
     "Draws the trajectories of optimizers (--optimizer) and of run files over a loss of two parameters, as "
     "a page with contours and moving points.",
     kModel | kSeed | kBuild | kJson, paths, paths_flags},
    {"init", "digits | csv FILE | images DIR | text FILE", 1, 2, "nnc init csv iris.csv",
     "Writes a model and a run file that train at once: for the digits that come with nnc, for a table, "
     "for a folder of pictures, or for a text. Says what it guessed; overwrites nothing.",
     0, init, init_flags},
    {"config", "RUN.toml", 1, 1, "nnc config examples/digits/digits.toml --set train.epochs=5",
     "Prints every setting of a run with its value and where that comes from.", kModel | kSeed, config},
    {"train", "RUN.toml", 1, 1, "nnc train examples/digits/digits.toml --set train.epochs=5",
     "Trains a model. The same command resumes an unfinished run.", kModel | kSeed | kBuild | kMemory, train,
     train_flags},
    {"eval", "RUN [FILE]", 1, 2, "nnc eval examples/digits/digits.toml --json",
     "Loss and metrics of a trained run (run file or folder) on its test data, or on the rows of a file.",
     kSet | kBuild | kJson, eval, eval_flags},
    {"predict", "RUN [INPUT]", 1, 2, "nnc predict examples/digits/digits.toml new.csv",
     "Prints a trained run's outputs for each row of a data file (- is standard input), or of a model "
     "without data.",
     kSet | kBuild | kJson, predict, predict_flags},
    {"generate", "RUN", 1, 1, "nnc generate examples/shakespeare/gpt.toml --prompt 'ROMEO:' --length 500",
     "Writes text with a trained model of data.format = \"text\".", kSet | kSeed | kBuild, generate,
     generate_flags},
    {"report", "RUN", 1, 1, "nnc report examples/digits/digits.toml -o digits.html",
     "Writes one page about a run: curves, norms, mistakes, the model, its cost and where it comes from.",
     kBuild, report, report_flags},
    {"compare", "RUN...", 1, kAny, "nnc compare runs/digits runs/digits-2 -o compared.html",
     "Puts runs side by side: what they reached, and which settings differ.", kJson, compare, compare_flags},
    {"gradcheck", "FILE", 1, 1, "nnc gradcheck examples/digits/digits.nn -D batch=4",
     "Compares each parameter's gradient with central differences, in double precision.",
     kModel | kSeed | kJson, gradcheck, gradcheck_flags},
    {"explain", "FILE", 1, 1, "nnc explain examples/lecture/softmax_regression.nn --wrt W",
     "Shows the loss and its gradients as mathematics: a formula for each value, from the loss back to the "
     "parameters.",
     kModel | kSeed | kJson, explain, explain_flags},
    {"bench", "FILE...", 1, kAny, "nnc bench bench/workloads/mnist-mlp.toml --threads 1 --json",
     "Times training steps, or predictions, of a run on its data in memory, or steps of a graph or of "
     "kernels "
     "(FILE.nnir, .nnk) on drawn inputs; several files in turns, with what one takes of the other.",
     kModel | kSeed | kBuild | kMemory | kGraph | kJson, bench, bench_flags},
    {"profile", "RUN", 1, 1, "nnc profile examples/digits/digits.toml --threads 1",
     "Runs training steps and prints what each kernel costs: time, rates, and how near it comes to what this "
     "machine can do.",
     kModel | kBuild | kMemory | kJson, profile, profile_flags},
    {"passes", "[FILE]", 0, 1, "nnc passes examples/lenet.nn --threads 1",
     "The passes of the compiler in their order; nnc opt --passes runs single ones. Of a model or graph, "
     "what a step "
     "loses in kernels, bytes, memory and time when one pass is left out.",
     kModel | kOptimizer | kSeed | kTarget | kCode | kMemory | kGraph | kJson, list_passes, passes_flags},
    {"ops", "[NAME]", 0, 1, "nnc ops softmax_xent", "The operations of the graph, from the op table.", 0, ops,
     ops_flags},
    {"std", "[NAME]", 0, 1, "nnc std linear", "The standard library, written in the language itself.", 0,
     std_library},
    {"fmt", "FILE...", 1, kAny, "nnc fmt --check examples/digits/digits.nn",
     "Prints .nn files in the standard style; - reads standard input.", 0, fmt_files, fmt_flags},
    {"lsp", "", 0, 0, "nnc lsp --stdio",
     "A language server (LSP 3.17) for editors: mistakes while typing, shapes and costs, definitions, "
     "completion, renaming, formatting. editors/README.md says how editors start it.",
     0, lsp, lsp_flags},
};

}  // namespace

std::span<const CommandRow> command_rows() {
  return kCommands;
}

void add_flags(CLI::App& app, const CommandRow& row, Options& options) {
  add_groups(app, row.groups, options);
  if (row.own_flags != nullptr) row.own_flags(app, options);
}

}  // namespace nnc::driver
