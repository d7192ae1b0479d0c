#!/usr/bin/env python3
"""Step time with rows from a mapped file against rows in memory: bench/data.py NNC FOLDER [--repeats 7] [--threads 1].

Writes two sets of random rows into FOLDER (once, about 500 MB): CIFAR records, whose bytes become floats as they are
gathered, and NPY floats, which are copied. Each is trained on in turns with data.load = "memory" and "mapped", shuffled, and
what nnc says at the end is compared: the median over the repeats of a step's time, and what gathering took of it. Exits with 1
if a mapped step takes more than 2 % longer. Run it with nothing else running.
"""
import argparse
import array
import random
import re
import statistics
import struct
import subprocess
import sys
from pathlib import Path

MODEL = """model net {{
  fc1 = linear({inputs}, 512)
  fc2 = linear(512, 10)
  fn forward(image: f32[batch, {inputs}]) -> f32[batch, 10] = image |> fc1 |> relu |> fc2
  loss data(image, label: i32[batch]) = cross_entropy(forward(image), label)
}}
"""
RUN = """model = "{name}.nn"
data = {data}
train = {{ batch = 128, epochs = {epochs}, optimizer = "sgd(lr = 0.001)" }}
"""


def npy(path, kind, shape, blocks):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with path.open("wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for block in blocks:
            out.write(block)


def make(folder):
    draw = random.Random(1)
    folder.mkdir(parents=True, exist_ok=True)
    cifar = folder / "train.bin"
    if not cifar.exists():
        with cifar.open("wb") as out:
            for i in range(50000):
                out.write(bytes([i % 10]) + draw.randbytes(3072))
    arrays = folder / "arrays"
    if not arrays.exists():
        arrays.mkdir()
        values = array.array("f", (draw.random() for _ in range(784 * 1000)))
        npy(arrays / "image.npy", "<f4", (100000, 784), (values.tobytes() for _ in range(100)))
        npy(arrays / "label.npy", "<i4", (100000,), [array.array("i", (i % 10 for i in range(100000))).tobytes()])
    for name, inputs, epochs, data in (("bytes", 3072, 1, '{ train = "train.bin" }'),
                                       ("floats", 784, 1, '{ format = "npy", train = "arrays" }')):
        (folder / f"{name}.nn").write_text(MODEL.format(inputs=inputs))
        (folder / f"{name}.toml").write_text(RUN.format(name=name, data=data, epochs=epochs))


def measure(nnc, folder, name, place, threads):
    done = subprocess.run([nnc, "train", f"{name}.toml", "--set", f"data.load={place}", "--set", f"train.out={place}-{name}",
                           "--fresh", "--threads", str(threads)], cwd=folder, capture_output=True, text=True, check=True)
    found = re.search(r"steps of ([\d.]+) ms, of it ([\d.e-]+) ms for data", done.stderr)
    return float(found[1]), float(found[2])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nnc", type=Path)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--repeats", type=int, default=7)
    arguments.add_argument("--threads", type=int, default=1)
    options = arguments.parse_args()
    make(options.folder)
    nnc = options.nnc.resolve()
    print("| rows | in memory | mapped | ratio | gathering, of the step |\n| --- | --- | --- | --- | --- |")
    good = True
    for name in ("bytes", "floats"):
        times = {"memory": [], "mapped": []}
        for _ in range(options.repeats):
            for place, to in times.items():
                to.append(measure(nnc, options.folder, name, place, options.threads))
        memory, mapped = (statistics.median(step for step, _ in times[place]) for place in ("memory", "mapped"))
        share = statistics.median(data / step for step, data in times["mapped"])
        print(f"| {name} | {memory:.4g} ms | {mapped:.4g} ms | {mapped / memory:.3f} | {100 * share:.1f} % |", flush=True)
        good = good and mapped <= 1.02 * memory
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
