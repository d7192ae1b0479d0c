#!/usr/bin/env python3
"""Times nnc's workloads beside other systems, in one run on one machine, and prints a table.

    bench/compare.py build/release --peers DIR --python PY [--threads 1 2] [--repeat 3] [--only linear …]
                     [--systems torch …] [--json FILE]

DIR holds torch_bench.py, jax_bench.py, tf_bench.py and tinygrad_bench.py as described in bench/README.md; PY is a Python that has the
frameworks. Systems take turns, so that a disturbance meets all of them; each cell is the lowest median of its runs.
One thread is pinned to one core. Shares are of the FMA peak that build/release/bench/nnc_peak measures in the same run.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

WORKLOADS = ["linear", "digits-mlp", "mnist-mlp", "cat-mlp", "wide-mlp", "lenet", "resnet8", "char-lstm", "mini-gpt"]
PEERS = [("torch", "torch_bench.py", "eager"), ("torch compiled", "torch_bench.py", "compile"),
         ("jax jit", "jax_bench.py", "jit"), ("jax scan", "jax_bench.py", "scan"),
         ("TF graph", "tf_bench.py", "graph"), ("TF xla", "tf_bench.py", "xla"), ("tinygrad", "tinygrad_bench.py", "jit")]
SCAN = {"linear", "digits-mlp", "mnist-mlp"}
HERE = pathlib.Path(__file__).resolve().parent


def pinned(threads, command):
    cores = "1" if threads == 1 else f"0-{threads - 1}"
    return ["taskset", "-c", cores, *command]


def record(threads, command, environment, limit):
    """The JSON line that a benchmark prints, or nothing."""
    try:
        done = subprocess.run(pinned(threads, command), capture_output=True, text=True, timeout=limit,
                              env={**os.environ, **environment})
    except subprocess.TimeoutExpired:
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        print(f"no result: {' '.join(command)}\n{done.stderr[-500:]}", file=sys.stderr)
        return None
    return json.loads(lines[-1])


def time_text(us):
    return f"{us:.2f} us" if us < 100 else f"{us:.0f} us" if us < 1000 else f"{us / 1000:.2f} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--peers")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--systems", nargs="+", choices=[name for name, _, _ in PEERS],
                        default=[name for name, _, _ in PEERS], help="beside nnc")
    parser.add_argument("--seconds", type=float, default=8, help="limit of a peer's timed part")
    parser.add_argument("--json", help="append every record to this file")
    a = parser.parse_args()
    # Freed memory is kept, which helps the frameworks (see the peers' notes).
    keep = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "8000000000", "MALLOC_TOP_PAD_": "67108864",
            "TF_CPP_MIN_LOG_LEVEL": "3"}
    best = {}
    for threads in a.threads:
        for workload in a.only:
            for _ in range(a.repeat):
                runs = [("nnc", [f"{a.build}/nnc", "bench", str(HERE / "workloads" / f"{workload}.toml"),
                                 "--threads", str(threads), "--json"], {})]
                for name, script, mode in PEERS if a.peers else []:
                    if name not in a.systems:
                        continue
                    if mode == "scan" and workload not in SCAN:
                        continue
                    runs.append((name, [a.python, f"{a.peers}/{script}", workload, "--mode", mode, "--threads",
                                        str(threads), "--max-seconds", str(a.seconds)], keep))
                for name, command, environment in runs:
                    got = record(threads, command, environment, 240)
                    if not got:
                        continue
                    if a.json:
                        with open(a.json, "a") as out:
                            out.write(json.dumps({"system": name, **got}) + "\n")
                    key = (threads, workload, name)
                    if key not in best or got["step_us_median"] < best[key]["step_us_median"]:
                        best[key] = got
    peak = float(subprocess.run(pinned(1, [f"{a.build}/bench/nnc_peak"]), capture_output=True, text=True,
                                check=True).stdout)
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"{datetime.date.today()}, {model}, {os.cpu_count()} cores, {platform.system()}; "
          f"FMA peak of one thread {peak:.0f} GFLOP/s; lowest median of {a.repeat} runs.\n")
    names = [name for name, _, _ in PEERS if name in a.systems] if a.peers else []
    for threads in a.threads:
        print(f"### {threads} thread{'s' if threads > 1 else ''}\n")
        print("| workload | nnc | share of peak | best peer | ahead by | " + " | ".join(names) + " |")
        print("|" + "---|" * (5 + len(names)))
        for workload in a.only:
            mine = best.get((threads, workload, "nnc"))
            if not mine:
                print(f"| {workload} | no result |")
                continue
            us = mine["step_us_median"]
            share = mine["gflop_per_step"] / us * 1e6 / (peak * threads)
            peers = {n: best[(threads, workload, n)]["step_us_median"] for n in names if (threads, workload, n) in best}
            lead = f"{min(peers.values()) / us:.2f}x" if peers else "–"
            fastest = min(peers, key=peers.get) if peers else "–"
            cells = " | ".join(time_text(peers[n]) if n in peers else "–" for n in names)
            print(f"| {workload} | **{time_text(us)}** | {share:.0%} | {fastest} | {lead} | {cells} |")
        print()


if __name__ == "__main__":
    main()
