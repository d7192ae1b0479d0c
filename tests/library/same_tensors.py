"""same_tensors.py A B: whether two safetensors files hold the same bytes under the same names."""
import json
import sys


def tensors(path):
    with open(path, "rb") as file:
        data = file.read()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: (t["dtype"], t["shape"], data[slice(*(start + at for at in t["data_offsets"]))])
            for name, t in header.items()}


a, b = map(tensors, sys.argv[1:])
different = [name for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)]
if different or not a:
    sys.exit(f"different: {different}")
