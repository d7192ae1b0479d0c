"""lecture.py REFERENCE.json CASE OUT.txt: every value of the case is in what `nnc run` printed, to its last digit."""
import ast
import json
import re
import sys

reference, case, out = sys.argv[1:]
wanted = json.load(open(reference, encoding="utf-8"))[case]
before, after = open(out, encoding="utf-8").read().split("\nafter ")


def printed(text, name):
    """The value after `NAME: f32[…] =` or `NAME =`, brackets read as lists."""
    found = re.search(rf"^{re.escape(name)}(?:: \w+\[[\d, ]*\])? =\s+(\[.*?\](?=\n)|\S+)", text + "\n", re.M | re.S)
    assert found, f"{name} is not printed"
    return ast.literal_eval(found[1])


def flat(value):
    return [x for part in value for x in flat(part)] if isinstance(value, list) else [value]


for name, values in wanted.items():
    got = printed(after, name[len("after "):]) if name.startswith("after ") else printed(before, name)
    pairs = list(zip(flat(got), flat(values), strict=True))
    for a, b in pairs:
        assert abs(a - b) <= 5.1e-5, f"{case}: {name}: {a} is printed, {b} wanted"
