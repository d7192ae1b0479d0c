"""Prints each stage of the training step of models, has nnc run each text, and says whether all give the same bits.

usage: stages.py NNC FILE.nn[:NAME=VALUE,...] ...
"""
import os
import re
import subprocess
import sys

STAGES = {"graph": ".nnir", "grad": ".nnir", "fused": ".nnir", "kernels": ".nnk"}


def nnc(*arguments):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, check=True).stdout


def halved(kernels):
    """The kernels with every register tile of a contraction halved."""
    edited, count = re.subn(r"tile (\d+)x(\d+)", lambda t: f"tile {max(1, int(t[1]) // 2)}x{t[2]}", kernels)
    assert count > 0 and edited != kernels
    return edited


for argument in sys.argv[2:]:
    model, _, definitions = argument.partition(":")
    flags = [word for name in definitions.split(",") if name for word in ("-D", name)]
    results, printed = set(), None
    for stage, suffix in STAGES.items():
        printed = nnc("inspect", model, f"--stage={stage}", *flags)
        with open(stage + suffix, "w") as file:
            file.write(printed)
        results.add(nnc("run", stage + suffix, "--steps", "2"))
    with open("edited.nnk", "w") as file:
        file.write(halved(printed))
    results.add(nnc("run", "edited.nnk", "--steps", "2"))
    assert "all of it" in next(iter(results))
    print(f"{os.path.basename(model)}: {' '.join(STAGES)} edited: {'same' if len(results) == 1 else 'OTHER'} bits")
