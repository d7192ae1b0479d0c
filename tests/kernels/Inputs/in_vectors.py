"""in_vectors.py NNC FILE…: fails unless every product of some size runs in vectors, for batches of many sizes. A product without a
schedule takes fifty times as long; one along an axis of a few places, up to sixteen times."""
import math
import re
import subprocess
import sys

WORTH = 1 << 20  # terms
FEW = 6
nnc, *files = sys.argv[1:]
seen = faults = 0
for file in files:
    for batch in (1, 3, 8, 50, 200):
        command = [nnc, "inspect", file, "--stage=kernels", "--threads=1", "--isa=avx512", "--vector-units=512", "-D", f"batch={batch}"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for name, body in re.findall(r"^kernel @([^(\s]+)\((.*?)^}", text, re.S | re.M):
            extents = {axis: int(extent) for axis, extent in re.findall(r"\b(\w+):(\d+)", body)}
            for axes, over, rest in re.findall(r"contract ([^\n]*) over ([^\n]*) order \w+\n(.*?) \{\n", body, re.S):
                axes = [axis.split(":")[0] for axis in axes.split(", ")]
                sums = [axis.split(":")[0] for axis in over.split(" where ")[0].split(", ")]
                if math.prod(extents[axis] for axis in axes + sums) < WORTH:
                    continue
                seen += 1
                lanes = re.search(r"schedule \{lanes (\w+)", rest)
                if lanes is None or extents[lanes[1]] < FEW:
                    faults += 1
                    print(f"{file}, batch {batch}: {name} runs {'one by one' if lanes is None else 'along ' + lanes[1]}")
print(f"{seen} products, {faults} faults")
sys.exit(faults > 0 or seen == 0)
