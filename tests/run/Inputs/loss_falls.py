"""The last printed loss is smaller than the first."""
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    losses = [float(line.rsplit("=", 1)[1]) for line in file if re.match(r"loss = ", line)]
assert len(losses) == 2 and losses[1] < losses[0], losses
