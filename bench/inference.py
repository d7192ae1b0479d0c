#!/usr/bin/env python3
"""Times predictions of nnc beside ONNX Runtime, in one run on one machine, and prints a table.

    bench/inference.py build/release --peers DIR --python PY [--threads 1 2] [--batch 1] [--repeat 3]

DIR holds torch_bench.py as described in bench/README.md; PY is a Python that has torch, onnx, onnxruntime and onnxscript, which
write the same networks with the same parameters as ONNX files and run them. Systems take turns; each cell is the lowest median
of its runs. Both must give outputs of the same norm.
"""
import argparse
import datetime
import json
import math
import os
import pathlib
import sys
import tempfile
import time

from compare import record, time_text

OUTPUTS = {"lenet": "probability", "resnet8": "probability", "mini-gpt": "next"}
HERE = pathlib.Path(__file__).resolve().parent


def write_onnx(peers, workload, batch, path):
    """The network of torch_bench.py with its first parameters, from its input to the softmax."""
    sys.path.insert(0, peers)
    import torch
    import torch_bench

    spec = torch_bench.C.SPECS[workload]
    torch.nn.functional.cross_entropy = lambda z, _: z  # a loss gives its scores

    class Predicting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch_bench.build(spec)

        def forward(self, x):
            z = self.net(x, torch.zeros(1))
            if spec.x[0] == "tokens":
                z = z.unflatten(0, (batch, -1))[:, -1]
            return z.softmax(-1)

    x = torch.from_numpy(spec.data()[0][0][:batch].copy())
    torch.onnx.export(Predicting().eval(), (x,), path, input_names=["x"], dynamo=True, verbose=False)


def run_onnx(a):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        write_onnx(a.peers, a.onnx, a.batch[0], path)
        import numpy as np
        import onnxruntime as ort
        import torch_bench

        options = ort.SessionOptions()
        options.intra_op_num_threads = a.threads[0]
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        spec = torch_bench.C.SPECS[a.onnx]
        # nnc's rows: batch after batch of the same stream of numbers.
        spec.batch = a.batch[0]
        rows = list(spec.data()[0])
        take = lambda i: session.run(None, {"x": rows[i % len(rows)]})[0]
        norm = float(np.linalg.norm(take(0).astype(np.float64)))
        for i in range(20):
            take(i)
        times = []
        began = time.perf_counter()
        while len(times) < 200 and time.perf_counter() - began < a.seconds:
            before = time.perf_counter()
            for i in range(8):
                take(i)
            times.append((time.perf_counter() - before) / 8 * 1e6)
        times.sort()
        print(json.dumps({"framework": "onnxruntime", "version": ort.__version__,
                          "step_us_median": times[len(times) // 2], "norm_1": norm}))


def needed(threads, command):
    return record(threads, command, {}, 600) or sys.exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--peers", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, nargs="+", default=[1])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="limit of a timed part")
    parser.add_argument("--only", nargs="+", choices=list(OUTPUTS), default=list(OUTPUTS))
    parser.add_argument("--onnx", help=argparse.SUPPRESS)  # in PY: time this workload with ONNX Runtime
    a = parser.parse_args()
    if a.onnx:
        return run_onnx(a)
    nnc = os.path.join(a.build, "nnc")
    wrong = []
    print(f"{datetime.date.today()}, median time of a prediction\n")
    print("| workload | batch | threads | nnc | ONNX Runtime | ahead by |\n| --- | --- | --- | --- | --- | --- |")
    for workload in a.only:
        for batch in a.batch:
            for threads in a.threads:
                ours, theirs = [], []
                for _ in range(a.repeat):
                    ours.append(needed(threads, [nnc, "bench", str(HERE / "workloads" / f"{workload}.toml"), "--output",
                                                 OUTPUTS[workload], "--set", f"train.batch={batch}", "--threads",
                                                 str(threads), "--max-seconds", str(a.seconds), "--json"]))
                    theirs.append(needed(threads, [a.python, os.path.abspath(__file__), a.build, "--peers", a.peers,
                                                   "--threads", str(threads), "--batch", str(batch), "--seconds",
                                                   str(a.seconds), "--onnx", workload]))
                if not math.isclose(ours[0]["norm_1"], theirs[0]["norm_1"], rel_tol=2e-5):
                    wrong.append(f"{workload}: norms {ours[0]['norm_1']} and {theirs[0]['norm_1']}")
                mine = min(r["step_us_median"] for r in ours)
                other = min(r["step_us_median"] for r in theirs)
                print(f"| {workload} | {batch} | {threads} | {time_text(mine)} | {time_text(other)} | {other / mine:.2f}x |",
                      flush=True)
    if wrong:
        sys.exit("not the same outputs: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
