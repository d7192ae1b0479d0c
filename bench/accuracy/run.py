#!/usr/bin/env python3
"""Trains the models of the examples with several seeds and writes what they reach as a table into docs/accuracy.md.

    bench/accuracy/run.py FOLDER [--nnc build/release/nnc] [--seeds 5] [--threads 1] [--only NAME ...] [--print]

FOLDER holds the data as docs/accuracy.md describes it. With --print or --only the table goes to standard output and the
file stays as it is. Exit code 1 if a goal is missed by the run with the seed that the run file gives.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/accuracy.md"
BEGIN, END = "<!-- written by bench/accuracy/run.py -->", "<!-- end -->"
# Error rates of the results table published with the MNIST database, and of the table of users' results in the README of
# Fashion-MNIST, as accuracies. For CIFAR-10 by the first 8,068 pictures nobody has published any.
LECUN = "LeCun et al. 1998"
SHAKESPEARE = "1.88, nanoGPT's README, the same network and steps; bigrams alone: 2.48"
RUNS = [  # run file, task, data set (None: shipped beside it), what is measured, goal, published reference for a model of this kind
    ("examples/mnist/mnist-linear.toml", "MNIST", "mnist", "accuracy", 0.917, f"88.0 %, one layer, {LECUN}"),
    ("examples/mnist/mnist-mlp.toml", "MNIST", "mnist", "accuracy", 0.963, f"95.3 %, 784-300-10, mean square error, {LECUN}"),
    ("examples/mnist/mnist-cosine.toml", "MNIST", "mnist", "accuracy", 0.98,
     "98.4 %, 784-800-10, cross entropy, Simard et al. 2003"),
    ("examples/mnist/lenet.toml", "MNIST", "mnist", "accuracy", 0.99, f"99.05 %, LeNet-5, {LECUN}"),
    ("examples/mnist/fashion-mlp.toml", "Fashion-MNIST", "fashion-mnist", "accuracy", 0.845, "none"),
    ("examples/mnist/fashion-dropout.toml", "Fashion-MNIST", "fashion-mnist", "accuracy", 0.885,
     "90.0 %, 784-256-128-64-10, lianghong"),
    ("examples/mnist/fashion-conv.toml", "Fashion-MNIST", "fashion-mnist", "accuracy", 0.92,
     "91.6 %, two convolutions, Fashion-MNIST's README"),
    ("examples/lecture/cifar-linear/softmax.toml", "CIFAR-10, a part", "cifar-10", "accuracy", 0.34, "none"),
    ("examples/lecture/cifar-two-layer/two_layer.toml", "CIFAR-10, a part", "cifar-10", "accuracy", 0.42, "none"),
    ("examples/cifar/resnet8.toml", "CIFAR-10", "cifar-10-jpeg", "accuracy", 0.85,
     "85 %, ResNet-8, MLPerf Tiny, Banbury et al. 2021"),
    ("examples/digits/digits.toml", "digits 8×8", None, "accuracy", 0.95, "none"),
    ("nnc init images", "cat, horse, lion", "animals-3class-png64", "accuracy", 0.67, "none"),
    ("examples/shakespeare/lstm.toml", "tinyshakespeare", "tinyshakespeare", "loss", 2.48, "bigrams alone: 2.48"),
    ("examples/shakespeare/gpt.toml", "tinyshakespeare", "tinyshakespeare", "loss", 1.90, SHAKESPEARE),
]
CIFAR = {"cifar-10": ("train_8068.bin.gz", "test_1017.bin.gz"), "cifar-10-jpeg": ("train_50000.bin", "test_1017.bin.gz")}


def settings_for(folder):
    if folder is None or folder.name.startswith("animals"):
        return []
    if folder.name in CIFAR:
        train, test = (folder.parent / "cifar-10" / name for name in CIFAR[folder.name])
        return ["--set", f"data.train={train}", "--set", f"data.test={test}"]
    if folder.name == "tinyshakespeare":
        return ["--set", f"data.train={folder / 'input.txt'}"]
    return ["--set", f"data.dir={folder}"]


def train(nnc, run, data, measured, seed, threads, out):
    if run == "nnc init images":
        where = pathlib.Path(f"{out}-starter")
        where.mkdir()
        subprocess.run([nnc, "init", "images", data, "-q", "-o", "pictures"], check=True, stdout=subprocess.DEVNULL, cwd=where)
        run = where / "pictures.toml"
    settings = ["--set", f"train.out={out}", *settings_for(data)]
    settings += [] if seed is None else ["--seed", str(seed)]
    start = time.monotonic()
    subprocess.run([nnc, "train", ROOT / run, "-q", "--threads", str(threads), *settings],
                   check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    report = subprocess.run([nnc, "eval", out, "--json"], check=True, stdout=subprocess.PIPE).stdout
    facts = json.loads(pathlib.Path(out, "environment.json").read_text(encoding="utf-8"))
    epochs = pathlib.Path(out, "metrics.csv").read_text(encoding="utf-8").splitlines()[-1].split(",")[0]
    return json.loads(report)[measured], facts["parameters"], epochs, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--nnc", default=str(ROOT / "build/release/nnc"))
    parser.add_argument("--seeds", type=int, default=5, help="how many runs each: the run file's seed, then 1, 2, …")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run files' names without .toml")
    parser.add_argument("--print", action="store_true", dest="only_print")
    options = parser.parse_args()

    missed = False
    lines = ["| task | model | parameters | epochs | measured | mean ± spread | lowest to highest | goal | "
             "published reference | seconds each |", "|" + " --- |" * 10]
    with tempfile.TemporaryDirectory() as folder:
        for run, task, data, measured, goal, reference in RUNS:
            name = pathlib.Path(run).stem
            if options.only and name not in options.only:
                continue
            path = options.folder.resolve() / data if data else None
            results = [train(options.nnc, run, path, measured, seed, options.threads,
                             f"{folder}/{name.replace(' ', '-')}-{seed}") for seed in [None, *range(1, options.seeds)]]
            reached = [r[0] for r in results]
            form = "{:.2%}" if measured == "accuracy" else "{:.4f}"
            missed |= reached[0] < goal if measured == "accuracy" else reached[0] > goal
            spread = f" ± {form.format(statistics.stdev(reached))}" if len(reached) > 1 else ""
            lines.append(f"| {task} | {name} | {results[0][1]:,} | {results[0][2]} | {measured} | "
                         f"{form.format(statistics.mean(reached))}{spread} | "
                         f"{form.format(min(reached))} to {form.format(max(reached))} | {form.format(goal)} | {reference} | "
                         f"{statistics.mean(r[3] for r in results):.1f} |")
            print(lines[-1], file=sys.stderr, flush=True)
    table = "\n".join(lines)
    if options.only_print or options.only:
        print(table)
    else:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN, 1)
        after = rest.split(END, 1)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
