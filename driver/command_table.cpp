// The table of commands, and which flags each takes, as CLI11 is told them.
#include "driver/command_table.h"

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
};

CLI::Validator checked(FlagCheck check) {
  return CLI::Validator(std::move(check), "", "value");
}

void add_groups(CLI::App& app, uint32_t groups, Options& o) {
  if ((groups & kDefine) != 0)
    app.add_option("-D", o.defines, "Bind a model argument or the batch size: -D hidden=64 -D batch=32")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
  if ((groups & kSet) != 0)
    app.add_option("--set", o.sets, "Override a key of the run file: --set train.epochs=5")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
  if ((groups & kOptimizer) != 0)
    app.add_option("--optimizer", o.optimizer,
                   "An optimizer call, \"adam(lr = 0.01)\" (default: the run file's, or sgd)")
        ->type_name("CALL");
  if ((groups & kSeed) != 0)
    app.add_option("--seed", o.seed, "Where random numbers start (default 0)")
        ->type_name("N")
        ->check(checked(valid_seed));
  if ((groups & kTarget) != 0) {
    app.add_option("--threads", o.threads, "Number of threads; the result is the same to the bit")
        ->type_name("N")
        ->check(checked(whole(1, 1024)));
    app.add_option("--schedule", o.schedule, "none: the plain loops; random:SEED: any valid schedule")
        ->type_name("HOW")
        ->check(checked(valid_schedule));
    app.add_option("--isa", o.isa,
                   "avx2 or avx512, for caches of usual sizes (default: what this processor has)")
        ->type_name("NAME")
        ->check(checked(one_of({"avx2", "avx512"})));
    app.add_option("--vector-units", o.vector_units,
                   "Schedule for multiply-add units of 256 or 512 bits (default: as measured here)")
        ->type_name("BITS")
        ->check(checked(one_of({"256", "512"})));
  }
  if ((groups & kCode) != 0) {
    app.add_flag("--no-cache", o.no_cache, "Neither read nor write the cache of machine code");
    app.add_flag("-g", o.debug_lines, "Line tables for gdb and perf");
  }
  if ((groups & kDisable) != 0)
    app.add_option("--disable-pass", o.disabled_passes, "Leave out an optional pass")
        ->type_name("NAME")
        ->delimiter(',')
        ->allow_extra_args(false);
  if ((groups & kGraph) != 0)
    app.add_option("--graph", o.graph,
                   "train, eval, init, finish, gradients or predict.OUTPUT (default train)")
        ->type_name("NAME");
  if ((groups & kJson) != 0) app.add_flag("--json", o.json, "Machine-readable output");
}

// ---- flags of one command each ----------------------------------------------------------------------------

void checkpoint_flag(CLI::App& app, Options& o) {
  app.add_option(
         "--checkpoint", o.checkpoint,
         "best, latest, or a checkpoint's path (default: the best if the run has train.best, else the "
         "latest)")
      ->type_name("WHICH");
}

void inspect_flags(CLI::App& app, Options& o) {
  app.add_option("--stage", o.stage, "ast, graph, grad, fused, kernels, llvm or asm (default graph)")
      ->type_name("STAGE")
      ->check(checked(one_of({"ast", "graph", "grad", "fused", "kernels", "llvm", "asm"})));
  app.add_option("--tensor", o.tensor,
                 "Show this tensor of a checkpoint or of a trained run; with --activations, values of this "
                 "name only, where * stands for any characters")
      ->type_name("NAME");
  app.add_option("--activations", o.activations,
                 "Show what a trained run computes on the way, of an input as nnc predict takes it, or of a "
                 "text: 'KING:'")
      ->type_name("INPUT");
  app.add_option("--row", o.row, "Of --activations: which row of INPUT, from 0 (default 0)")
      ->type_name("N")
      ->check(checked(whole(0, INT64_MAX)));
  app.add_option("-o", o.output,
                 "Draw the tensor as pictures into FILE.png; the activations into FILE.png, .svg or .html")
      ->type_name("FILE");
  app.add_option("--pictures", o.pictures,
                 "The shape of one of them: 28x28 or 3x32x32 (default: square, gray or in three colors)")
      ->type_name("CxHxW");
  app.add_option("--names", o.names, "Their captions (default: categories, or numbers from 0)")
      ->type_name("A,B,...")
      ->delimiter(',')
      ->allow_extra_args(false);
}

void opt_flags(CLI::App& app, Options& o) {
  app.add_option("--passes", o.passes, "Exactly these, in this order (default: the whole pipeline)")
      ->type_name("A,B,...");
  app.add_flag("--print-changed", o.print_changed, "Print the graph after each pass that changes it");
}

void run_flags(CLI::App& app, Options& o) {
  app.add_option("-e", o.expression, "Evaluate an expression instead of a file")->type_name("EXPR");
  app.add_option("--steps", o.steps, "Steps of the optimizer to take (default 1)")
      ->type_name("N")
      ->check(checked(whole(0, 1'000'000'000)));
  app.add_option("--every", o.every, "Print the loss and the metrics every K steps")
      ->type_name("K")
      ->check(checked(whole(1, 1'000'000'000)));
  app.add_option("-o", o.output, "Draw the loss over the steps as FILE.svg or FILE.png")->type_name("FILE");
  app.add_flag("--interpret", o.interpret,
               "Use the reference interpreter, in double, instead of compiled code");
}

void paths_flags(CLI::App& app, Options& o) {
  app.add_option("--optimizer", o.optimizers, "An optimizer call; each one is a trajectory (default: sgd)")
      ->type_name("CALL")
      ->allow_extra_args(false);
  app.add_option("--steps", o.path_steps,
                 "Steps of each --optimizer (default: as many as the run files take, or 200)")
      ->type_name("N")
      ->check(checked(whole(1, 20'000)));
  app.add_option("--window", o.window,
                 "What is drawn: -2:4,-1:3 (default: the trajectories and the minima around)")
      ->type_name("X0:X1,Y0:Y1")
      ->check(checked(valid_window));
  app.add_option("-o", o.outputs, "FILE.html, .svg or .png; may be repeated (default: FILE-paths.html)")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

void gradcheck_flags(CLI::App& app, Options& o) {
  app.add_option("--entries", o.entries, "Of each parameter, at most this many, spread evenly (default 100)")
      ->type_name("N")
      ->check(checked(whole(1, INT64_MAX)));
  app.add_option("--step", o.step_size, "The h of (f(x + h) - f(x - h)) / 2h (default: chosen per entry)")
      ->type_name("H")
      ->check(checked(valid_positive));
  app.add_option("--tolerance", o.tolerance, "Largest relative error that passes (default 1e-6)")
      ->type_name("T")
      ->check(checked(valid_positive));
}

void train_flags(CLI::App& app, Options& o) {
  app.add_flag("--fresh", o.fresh, "Start over instead of resuming");
}

void report_flags(CLI::App& app, Options& o) {
  app.add_option("-o", o.output, "Where to write the page (default: report.html in the run's folder)")
      ->type_name("FILE");
  app.add_flag("--live", o.live, "Serve the page to this machine while the run continues");
  app.add_option("--port", o.port, "Where --live listens (default 7878; 0: any free port)")
      ->type_name("N")
      ->check(checked(whole(0, 65535)));
}

void compare_flags(CLI::App& app, Options& o) {
  app.add_option("-o", o.output, "Write the curves as a page")->type_name("FILE.html");
}

void init_flags(CLI::App& app, Options& o) {
  app.add_option("--label", o.label,
                 "The column of the table to predict, by name or number (default: guessed)")
      ->type_name("COLUMN");
  app.add_option("-o", o.output,
                 "Write NAME.nn and NAME.toml, in a folder if NAME has one (default: named after the data)")
      ->type_name("NAME");
}

void predict_flags(CLI::App& app, Options& o) {
  app.add_option("--output", o.output, "Which of the model's outputs (default: the first)")
      ->type_name("NAME");
  app.add_flag("--values", o.values, "Every output of all rows together, laid out as nnc run does, not CSV");
  app.add_option("--keep", o.kept, "Write this column of the input too, by name or number; may be repeated")
      ->type_name("COLUMN")
      ->allow_extra_args(false);
  app.add_option("-o", o.written, "Write to FILE instead of standard output")->type_name("FILE");
  checkpoint_flag(app, o);
}

void generate_flags(CLI::App& app, Options& o) {
  app.add_option("--prompt", o.prompt, "What the text begins with (default: a new line)")->type_name("TEXT");
  app.add_option("--length", o.length, "How many characters are written after it (default 200)")
      ->type_name("N")
      ->check(checked(whole(1, 1'000'000'000)));
  app.add_option("--temperature", o.temperature,
                 "Above 1 bolder, below 1 more careful, 0 always the likeliest (default 1)")
      ->type_name("T")
      ->check(checked(valid_not_negative));
  app.add_option("--top-k", o.top_k, "Draw from the K likeliest only (default: from all)")
      ->type_name("K")
      ->check(checked(whole(1, 1'000'000'000)));
  app.add_option("--output", o.output, "The output that says what comes next (default: the first that does)")
      ->type_name("NAME");
  checkpoint_flag(app, o);
}

void eval_flags(CLI::App& app, Options& o) {
  app.add_option("--part", o.part,
                 "train, validation or test (default: test; of a run without one, validation or train)")
      ->type_name("PART")
      ->check(checked(one_of({"train", "validation", "test"})));
  checkpoint_flag(app, o);
}

void bench_flags(CLI::App& app, Options& o) {
  app.add_option("--max-seconds", o.max_seconds, "Limit of the timed part (default 60)")
      ->type_name("S")
      ->check(checked(valid_positive));
}

void profile_flags(CLI::App& app, Options& o) {
  app.add_option("--seconds", o.seconds, "How long steps are run, 2000 of them at most (default 1)")
      ->type_name("S")
      ->check(checked(valid_positive));
  app.add_option("--trace", o.trace, "Also write one step as a trace for Perfetto or chrome://tracing")
      ->type_name("FILE.json");
}

void ops_flags(CLI::App& app, Options& o) {
  app.add_flag("--markdown", o.markdown, "The whole reference, as docs/ops.md");
}

void fmt_flags(CLI::App& app, Options& o) {
  app.add_flag("--check", o.check_only, "Change nothing; exit 1 and name the files that are not in style");
  app.add_flag("--write", o.write, "Rewrite the files in place");
}

// ---- the table --------------------------------------------------------------------------------------------

constexpr size_t kAny = 1000;
constexpr CommandRow kCommands[] = {
    {"check", "FILE", 1, 1, "nnc check examples/digits/digits.nn",
     "Reports what is wrong with a model or run file; builds nothing.", kModel | kOptimizer | kJson, check},
    {"compile", "FILE", 1, 1, "nnc compile examples/digits/digits.nn -D batch=64",
     "Compiles a model's training step and prints parameters, FLOPs per step, the exact memory bill, kernels "
     "and compile times.",
     kModel | kOptimizer | kBuild | kJson, compile},
    {"inspect", "FILE", 1, 1, "nnc inspect examples/digits/digits.nn --stage=fused",
     "Prints any stage of a model as text, lists a checkpoint's tensors, or shows one of them: its numbers, "
     "or its rows as pictures. Shows what a trained model computes on an input.",
     kModel | kOptimizer | kTarget | kDisable | kGraph | kJson, inspect, inspect_flags},
    {"opt", "FILE", 1, 1, "nnc opt --passes=fuse_linear,remove_dead step.nnir",
     "Runs passes on a graph (FILE.nnir, or a model) and prints the result.",
     kModel | kOptimizer | kDisable | kGraph, opt, opt_flags},
    {"run", "[FILE]", 0, 1, "nnc run -e 'softmax([3.2, 5.1, -1.7])'",
     "Runs a small program: every value, the loss, each gradient, and what steps of an optimizer make of "
     "them.",
     kDefine | kOptimizer | kSeed | kBuild, run, run_flags},
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
     "Trains a model. The same command resumes an unfinished run.", kModel | kSeed | kBuild, train,
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
    {"bench", "RUN.toml", 1, 1, "nnc bench bench/workloads/mnist-mlp.toml --threads 1 --json",
     "Times training steps on generated data in memory.", kModel | kBuild | kJson, bench, bench_flags},
    {"profile", "RUN", 1, 1, "nnc profile examples/digits/digits.toml --threads 1",
     "Runs training steps and prints what each kernel costs: time, rates, and how near it comes to what this "
     "machine can do.",
     kModel | kBuild | kJson, profile, profile_flags},
    {"passes", "", 0, 0, "nnc passes --json",
     "The passes of the compiler in their order; nnc opt --passes runs single ones.", kJson, list_passes},
    {"ops", "[NAME]", 0, 1, "nnc ops softmax_xent", "The operations of the graph, from the op table.", 0, ops,
     ops_flags},
    {"std", "[NAME]", 0, 1, "nnc std linear", "The standard library, written in the language itself.", 0,
     std_library},
    {"fmt", "FILE...", 1, kAny, "nnc fmt --check examples/digits/digits.nn",
     "Prints .nn files in the standard style; - reads standard input.", 0, fmt_files, fmt_flags},
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
