#!/usr/bin/env python3
"""The optimizers of docs/optimizers.md at work: trains with nnc, prints the tables, draws the pictures.

    bench/optimizers/run.py NNC MNIST [search] [handover] [--images docs/images]

NNC is the command, MNIST the folder of the four IDX files. Needs matplotlib.

search    random search, random local search and gradient descent on a linear classifier of the digits, from the same
          start, all 1437 rows at each step. A step of a search evaluates the loss twice, one along the gradient once.
handover  Adagrad first and SGD afterwards, against each alone: on Beale's function and on MNIST.
"""
import argparse
import csv
import json
import pathlib
import statistics
import struct
import subprocess
import tempfile

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLORS = {"random search": "#8c6bb1", "random local search": "#2a9d8f", "gradient descent": "#d1495b",
          "Adagrad": "#2a9d8f", "SGD": "#d1495b", "Adagrad, then SGD": "#1d3557"}


class Run:
    """One run of nnc train in a folder of its own; `failed` holds what it said if it did not end well."""

    def __init__(self, nnc, folder, name, text, seed=0):
        path = folder / f"{name}-{seed}.toml"
        path.write_text(text)
        self.out = folder / f"{name}-{seed}.out"
        done = subprocess.run([nnc, "train", path, "-q", "--fresh", "--set", f"train.out={self.out}", "--seed", str(seed)],
                              capture_output=True, text=True, check=False)
        self.failed = "" if done.returncode == 0 else done.stderr.strip().splitlines()[0]
        if done.returncode not in (0, 5):
            raise SystemExit(done.stderr)
        with open(self.out / "metrics.csv", newline="") as file:
            self.rows = list(csv.DictReader(file))

    def column(self, name):
        return [float(row[name]) for row in self.rows]


def search(nnc, folder, images):
    evaluations = 4000
    (folder / "linear.nn").write_text("""model linear_classifier {
  fc = linear(64, 10)
  fn forward(image: f32[batch, 64]) -> f32[batch, 10] = image |> fc
  loss(image, label: i32[batch]) = cross_entropy(forward(image), label)
  metric accuracy(image, label) = mean(argmax(forward(image)) == label)
}
""")
    ways = {"random search": ("random_search", 2), "random local search": ("random_local_search(lr = 0.02)", 2),
            "gradient descent": ("sgd(lr = 0.5)", 1)}
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    print("| optimizer | steps | evaluations | first loss | last loss | test accuracy |\n| --- | --- | --- | --- | --- | --- |")
    for name, (optimizer, cost) in ways.items():
        run = Run(nnc, folder, name.replace(" ", "-"), f"""model = "linear.nn"
data = {{ train = "{ROOT}/examples/digits/train.csv.gz", test = "{ROOT}/examples/digits/test.csv.gz" }}
input.image = {{ scale = 0.0625 }}
input.label = {{ from = -1 }}
train = {{ batch = "all", epochs = {evaluations // cost}, optimizer = "{optimizer}" }}
""")
        losses = run.column("train.loss")
        axes.plot([cost * i for i in range(1, len(losses) + 1)], losses, label=optimizer, color=COLORS[name])
        print(f"| `{optimizer}` | {len(losses)} | {cost * len(losses)} | {losses[0]:.4f} | {losses[-1]:.4f} | "
              f"{100 * run.column('test.accuracy')[-1]:.1f}% |")
    axes.set(xlabel="evaluations of the loss", ylabel="training loss", xscale="log", ylim=(0, None),
             title="Digits, linear classifier, all rows at each step")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    figure.savefig(images / "search.png", dpi=130)


def parameter(path, name):
    """The f32 values of one tensor of a safetensors file."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    begin, end = json.loads(data[8:8 + size])[name]["data_offsets"]
    return struct.unpack(f"<{(end - begin) // 4}f", data[8 + size + begin:8 + size + end])


def beale(x, y):
    return (1.5 - x + x * y)**2 + (2.25 - x + x * y**2)**2 + (2.625 - x + x * y**3)**2


def beale_runs(nnc, folder):
    """Phases of 20 steps: what nnc measures a twentieth of a phase at a time is then every single step."""
    ways = {"Adagrad": [("adagrad(lr = 1)", 200)], "SGD": [("sgd(lr = 0.03)", 200)],
            "SGD, rate 0.04": [("sgd(lr = 0.04)", 200)],
            "Adagrad, then SGD": [("adagrad(lr = 1)", 20), ("sgd(lr = 0.04)", 180)]}
    runs = {}
    print("\n| Beale, 200 steps | ends at | loss |\n| --- | --- | --- |")
    for name, phases in ways.items():
        text = f'model = "{ROOT}/examples/lecture/beale.nn"\ntrain.keep = 1000\n'
        for optimizer, steps in phases:
            text += f'[[phase]]\nsteps = 20\noptimizer = "{optimizer}"\n' * (steps // 20)
        run = Run(nnc, folder, "beale-" + name.replace(" ", "-").replace(",", ""), text)
        said = ", then ".join(f"{steps} × `{optimizer}`" for optimizer, steps in phases)
        if run.failed:
            print(f"| {said} | not finite | |")
            continue
        way = [(1.0, 1.5)] + [parameter(path, "w") for path in sorted((run.out / "ckpt").glob("step-*.safetensors"))]
        runs[name] = way
        print(f"| {said} | ({way[-1][0]:.4f}, {way[-1][1]:.4f}) | {beale(*way[-1]):.2g} |")
    return runs


def mnist_runs(nnc, folder, mnist):
    ways = {"Adagrad": [("adagrad(lr = 0.02)", 10)], "SGD": [("sgd(lr = 0.1)", 10)],
            "Adagrad, then SGD": [("adagrad(lr = 0.02)", 4), ("sgd(lr = 0.1)", 6)]}
    runs = {}
    print("\n| MNIST, 10 epochs | training loss | test loss | test accuracy (3 seeds) |\n| --- | --- | --- | --- |")
    for name, phases in ways.items():
        text = f"""model = "{ROOT}/examples/mnist/mlp.nn"
data = {{ format = "idx", dir = "{mnist}" }}
input.image = {{ from = "images" }}
input.label = {{ from = "labels" }}
train.batch = 64
"""
        for optimizer, epochs in phases:
            text += f'[[phase]]\nepochs = {epochs}\noptimizer = "{optimizer}"\n'
        seeds = [Run(nnc, folder, "mnist-" + name.replace(" ", "-").replace(",", ""), text, seed) for seed in range(3)]
        runs[name] = seeds
        said = ", then ".join(f"{epochs} × `{optimizer}`" for optimizer, epochs in phases)
        mean = lambda column: statistics.mean(run.column(column)[-1] for run in seeds)
        print(f"| {said} | {mean('train.loss'):.4f} | {mean('test.loss'):.4f} | " +
              ", ".join(f"{100 * run.column('test.accuracy')[-1]:.2f}%" for run in seeds) + " |")
    return runs


def handover(nnc, folder, images, mnist):
    ways = beale_runs(nnc, folder)
    runs = mnist_runs(nnc, folder, mnist)
    figure, (surface, falls, training) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    xs, ys = [-0.5 + i * 4 / 240 for i in range(241)], [-1.5 + i * 3.2 / 240 for i in range(241)]
    surface.contour(xs, ys, [[beale(x, y) for x in xs] for y in ys], levels=[0.02 * 2.4**k for k in range(12)],
                    colors="#b0b0b0", linewidths=0.7)
    surface.plot(3, 0.5, "*", color="black", markersize=12, label="minimum")
    for name, way in ways.items():
        surface.plot(*zip(*way), ".-", markersize=3, linewidth=1, color=COLORS[name], label=name, zorder=2 if "then" in name else 3)
        falls.semilogy([beale(*w) for w in way], color=COLORS[name], label=name)
    surface.set(xlim=(-0.5, 3.5), ylim=(-1.5, 1.7), title="Beale's function: the way")
    falls.set(xlabel="step", ylabel="loss", title="Beale's function: the loss")
    for name, seeds in runs.items():
        epochs = range(1, len(seeds[0].rows) + 1)
        losses = [statistics.mean(values) for values in zip(*(run.column("train.loss") for run in seeds))]
        training.semilogy(epochs, losses, ".-", color=COLORS[name], label=name)
    training.axvline(4.5, color="#b0b0b0", linewidth=0.8, linestyle="--")
    training.set(xlabel="epoch", ylabel="training loss", title="MNIST, 784 → 128 → 10, mean of 3 seeds")
    for axes in (surface, falls, training):
        axes.legend(fontsize=8)
    for axes in (falls, training):
        axes.grid(alpha=0.3)
    figure.savefig(images / "handover.png", dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nnc", type=pathlib.Path)
    parser.add_argument("mnist", type=pathlib.Path)
    parser.add_argument("what", nargs="*", default=["search", "handover"])
    parser.add_argument("--images", type=pathlib.Path, default=ROOT / "docs/images")
    options = parser.parse_args()
    options.images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if "search" in options.what:
            search(options.nnc.resolve(), folder, options.images)
        if "handover" in options.what:
            handover(options.nnc.resolve(), folder, options.images, options.mnist.resolve())


if __name__ == "__main__":
    main()
