"""addresses.py LLVM_IR: fails where index arithmetic or an address is emitted twice in a block, or computes nothing; where a constant
is part of an index rather than the displacement of an address; where a step has two functions that call kernels with as many buffers; where the rounds of a random number are not a loop."""

import re
import sys

text = open(sys.argv[1]).read()
counts = {"sums": 0, "addresses": 0, "calls": 0, "draws": 0}
callers = []
for function in text.split("\ndefine ")[1:]:
    name = re.search(r'@"?([^"( ]+)"?\(', function)[1]
    if name.startswith("call."):
        callers.append(name)
    if name.startswith("draw"):
        counts["draws"] += 1
        rounds = len(re.findall(r"\nrepeat\d*:", function))
        if rounds == 0 or function.count("3528531795") > 4 * rounds:  # Philox's first multiplier
            sys.exit(f"{name}: the rounds are not a loop")
        continue  # its integers are not only indices
    if "stmxcsr" in function or name == "launch":
        continue  # the step and its loop over tasks, whose few instructions nobody counts
    block, shifted = {}, set()
    for line in function.splitlines():
        if re.match(r"[\w.]+:", line):
            block = {}
        address = re.match(r"  (%\S+) = getelementptr (.+), i64 (-?\d+|%[\w.]+)$", line)
        if address:
            result, base, index = address.groups()
            counts["addresses"] += 1
            if index in shifted:
                sys.exit(f"{name}: a constant that could be the address's displacement is added to its index: {line}")
            if (base, index) in block:
                sys.exit(f"{name}: {result} is {block[base, index]} again: {line}")
            block[base, index] = result
        found = re.match(r"  (%\S+) = (add|sub|mul|udiv) i64 (\S+), (\S+)$", line)
        if not found:
            continue
        result, op, left, right = found.groups()
        counts["sums"] += 1
        if (op, right) in {("add", "0"), ("sub", "0"), ("mul", "1"), ("udiv", "1")} or left == right == "0":
            sys.exit(f"{name}: computes nothing: {line}")
        if (op, left, right) in block:
            sys.exit(f"{name}: {result} is {block[op, left, right]} again: {line}")
        block[op, left, right] = result
        if op == "add" and right.lstrip("-").isdigit():
            shifted.add(result)
        elif op in ("add", "mul") and shifted & {left, right}:
            sys.exit(f"{name}: a constant stays inside: {line}")
counts["calls"] = len(callers)
if len(set(callers)) != len(callers):
    sys.exit(f"several functions call kernels with as many buffers: {callers}")
print(counts)
if counts["sums"] < 100 and counts["draws"] < 5:
    sys.exit("there is not much here")
