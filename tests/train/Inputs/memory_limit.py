"""memory_limit.py NNC RUN.toml PART FLAG…: prints a limit between the least that is possible (0) and the bill without one (1).
Fails unless a step is within it and computes something again for that."""
import json
import math
import re
import subprocess
import sys

nnc, run, part, *always = sys.argv[1:]
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20}


def compiled(*flags):
    command = [nnc, "compile", run, "--json", *always, *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


whole = json.loads(compiled().stdout)
assert whole["computed_again"]["values"] == 0, whole["computed_again"]
refused = compiled("--memory", "1K")
assert refused.returncode == 1, refused
number, unit = re.search(r"the least found for this is ([0-9.]+) (\w+) of memory", refused.stderr).groups()
least = float(number) * UNITS[unit]  # rounded up: so much is enough
limit = math.ceil((least + float(part) * (whole["peak_bytes"] - least)) / 1024)
assert limit * 1024 < whole["peak_bytes"], (limit * 1024, whole["peak_bytes"])
within = json.loads(compiled("--memory", f"{limit}K").stdout)
again = within["computed_again"]
assert within["peak_bytes"] <= limit * 1024, (within["peak_bytes"], limit * 1024)
assert within["activation_bytes"] < whole["activation_bytes"], (within, whole)
assert again["values"] > 0 and again["kernels"] > 0 and again["flops"] >= 0, again
saved = whole["activation_bytes"] + whole["gradient_bytes"] - within["activation_bytes"] - within["gradient_bytes"]
assert again["bytes_saved"] == saved, (again, saved)
print(f"{limit}K")
