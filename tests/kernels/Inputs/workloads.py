"""workloads.py NNC ROOT TABLE: the table of workloads as the compiler makes it now, for one thread and AVX2, with the
caches of no machine in particular. It has the files that TABLE names, and every benchmark."""
import glob
import json
import os
import subprocess
import sys

COLUMNS = {"kernels": "distinct_kernels", "launches": "kernels", "barriers": "barriers", "read": "bytes_read",
           "written": "bytes_written", "gradients": "gradient_bytes", "activations": "activation_bytes",
           "scratch": "scratch_bytes", "peak": "peak_bytes"}

nnc, root, table = sys.argv[1:]
with open(table, encoding="utf-8") as file:
    files = [line.split()[0] for line in file][1:]
files += sorted({os.path.relpath(path, root) for path in glob.glob(root + "/bench/workloads/*.toml")} - set(files))
rows = [["file", *COLUMNS]]
for name in files:
    command = [nnc, "compile", os.path.join(root, name), "--threads", "1", "--isa", "avx2", "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows.append([name, *(str(report[key]) for key in COLUMNS.values())])
widths = [max(map(len, column)) for column in zip(*rows)]
for name, *numbers in rows:
    print("  ".join([name.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:]))]))
