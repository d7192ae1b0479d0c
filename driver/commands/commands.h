// One function per command, one file each. They read Options, write to the Console and return the exit code:
// 0 good, 1 the run failed, 2 usage, 3 source errors, 4 data errors, 5 diverged, 6 damaged checkpoint, 130
// interrupted.
#pragma once

#include "driver/console.h"
#include "driver/options.h"

namespace nnc::driver {

using CommandFn = int (*)(const Options& options, Console& console);

int check(const Options& options, Console& console);
int compile(const Options& options, Console& console);
int inspect(const Options& options, Console& console);
int opt(const Options& options, Console& console);
int reduce_failing(const Options& options, Console& console);
int run(const Options& options, Console& console);
int gradcheck(const Options& options, Console& console);
int explain(const Options& options, Console& console);
int paths(const Options& options, Console& console);
int train(const Options& options, Console& console);
int eval(const Options& options, Console& console);
int report(const Options& options, Console& console);
int compare(const Options& options, Console& console);
int predict(const Options& options, Console& console);
int generate(const Options& options, Console& console);
int config(const Options& options, Console& console);
int init(const Options& options, Console& console);
int bench(const Options& options, Console& console);
int profile(const Options& options, Console& console);
int list_passes(const Options& options, Console& console);
int ops(const Options& options, Console& console);
int std_library(const Options& options, Console& console);
int fmt_files(const Options& options, Console& console);
int lsp(const Options& options, Console& console);

}  // namespace nnc::driver
