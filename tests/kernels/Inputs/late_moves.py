"""late_moves.py KERNELS: most values that are only moved into another layout are made in the barrier interval before the one in
which they are first read; the others would keep what they are made from alive for longer."""
import re
import sys

text = open(sys.argv[1]).read()
kernels = {m.group(1): m.group(2) for m in re.finditer(r"kernel @(\S+?)\((.*?)\)\s*(?:grid|\{)", text, re.S)}
interval, made, read = 0, {}, {}
for line in text[:text.index("\nkernel ")].split("\n"):
    interval += line.strip() == "barrier"
    launch = re.match(r"\s*launch @(\S+?)\((.*)\)", line)
    if not launch:
        continue
    parameters = re.findall(r"((?:out |inout )?)[^\s,:]+: \w+\[", kernels[launch.group(1)])
    for argument, space in zip(launch.group(2).split(", "), parameters):
        if space == "out ":
            made[argument] = (interval, launch.group(1))
        elif argument in made:
            read.setdefault(argument, interval)
distances = [read[v] - at for v, (at, name) in made.items() if name.startswith("relayout") and v in read]
near = distances.count(1)
print(f"{near} of {len(distances)}")
assert len(distances) > 15 and near > 0.8 * len(distances), distances
