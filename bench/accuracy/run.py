#!/usr/bin/env python3
"""Trains the models of examples/mnist and examples/digits and prints their test accuracy as a table.

    bench/accuracy/run.py FOLDER [--nnc build/release/nnc] [--seeds 3] [--threads 1]

FOLDER holds mnist/ and fashion-mnist/ with the published IDX files. Exit code 1 if a goal is missed by the run with the
seed that the run file gives.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNS = [  # run file, data set (None: shipped beside it), goal
    ("examples/mnist/mnist-linear.toml", "mnist", 0.917),
    ("examples/mnist/mnist-mlp.toml", "mnist", 0.963),
    ("examples/mnist/fashion-mlp.toml", "fashion-mnist", 0.845),
    ("examples/digits/digits.toml", None, 0.95),
]


def accuracy(nnc, run, data, seed, threads, out):
    settings = ["--set", f"train.out={out}"] + (["--set", f"data.dir={data}"] if data else [])
    settings += [] if seed is None else ["--seed", str(seed)]
    start = time.monotonic()
    subprocess.run([nnc, "train", ROOT / run, "-q", "--threads", str(threads), *settings],
                   check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    report = subprocess.run([nnc, "eval", out, "--json"], check=True, stdout=subprocess.PIPE).stdout
    return json.loads(report)["accuracy"], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--nnc", default=str(ROOT / "build/release/nnc"))
    parser.add_argument("--seeds", type=int, default=3, help="how many more runs, with seeds 1, 2, …")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    missed = False
    print("| run | test accuracy | goal | with other seeds | seconds |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for run, data, goal in RUNS:
            path = options.folder.resolve() / data if data else None
            name = pathlib.Path(run).stem
            reached, seconds = accuracy(options.nnc, run, path, None, options.threads, f"{folder}/{name}")
            others = [accuracy(options.nnc, run, path, seed, options.threads, f"{folder}/{name}-{seed}")[0]
                      for seed in range(1, options.seeds + 1)]
            missed |= reached < goal
            print(f"| {name} | {reached:.2%} | {goal:.1%} | {', '.join(f'{o:.2%}' for o in others)} | {seconds:.1f} |",
                  flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
