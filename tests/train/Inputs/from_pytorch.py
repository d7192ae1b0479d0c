"""from_pytorch.py REFERENCE NNC SOURCES: for each net of checkpoints.json a file of weights as PyTorch writes it, and what nnc makes of
it: the same tensors under the same names, and after a step at a rate of 0, which moves running statistics, the same
predictions to 2e-6."""
import array
import csv
import json
import math
import pathlib
import struct
import subprocess
import sys

MASK = 2**64 - 1


def words(seed, count):
    for i in range(1, count + 1):
        z = (seed + i * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def drawn(spec):
    count = math.prod(spec["shape"])
    if "below" in spec:
        return array.array("i", [(z >> 33) % spec["below"] for z in words(spec["seed"], count)])
    low, high = spec["low"], spec["high"]
    return array.array("f", [low + (high - low) * (z >> 40) / 2**24 for z in words(spec["seed"], count)])


def write_npy(path, spec):
    values = drawn(spec)
    kind = "<i4" if values.typecode == "i" else "<f4"
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(spec['shape'])}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values.tobytes())


def write_weights(path, tensors):
    header, data = {}, b""
    for spec in tensors:
        raw = drawn(spec).tobytes()
        header[spec["name"]] = {"dtype": "F32", "shape": spec["shape"], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def names_in(path):
    raw = path.read_bytes()
    header = json.loads(raw[8:8 + struct.unpack("<Q", raw[:8])[0]])
    return {name: t["shape"] for name, t in header.items() if name != "__metadata__" and not name.startswith("optimizer.")}


reference, nnc, sources = sys.argv[1:]
for net in json.load(open(reference, encoding="utf-8"))["nets"]:
    folder = pathlib.Path(net["name"])
    (folder / "rows").mkdir(parents=True)
    (folder / "given").mkdir()
    for spec in net["data"]:
        write_npy(folder / "rows" / f"{spec['name']}.npy", spec)
    write_npy(folder / "given" / f"{net['data'][0]['name']}.npy", net["data"][0])
    write_weights(folder / "weights.safetensors", net["tensors"])
    (folder / "run.toml").write_text(f"""model = "{sources}/{net['model']}"
data = {{ format = "npy", train = "rows" }}
[train]
init_from = "weights.safetensors"
batch = {net['data'][0]['shape'][0]}
steps = 1
optimizer = "sgd(lr = 0)"
out = "run"
""")
    subprocess.run([nnc, "train", folder / "run.toml", "-q", "--set", f"train.out={folder}/run"], check=True, stdout=subprocess.DEVNULL)
    theirs = {spec["name"]: spec["shape"] for spec in net["tensors"]}
    ours = names_in(next((folder / "run/ckpt").glob("step-*.safetensors")))
    assert ours == theirs, (net["name"], ours.keys() ^ theirs.keys())
    said = subprocess.run([nnc, "predict", folder / "run", folder / "given", "--output", net["output"]], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    want = net["values"]
    per_row = len(want) // net["data"][0]["shape"][0]
    rows = [row[1:1 + per_row] for row in list(csv.reader(said.splitlines()))[1:]]
    found = [float(x) for row in rows for x in row]
    assert len(found) == len(want), (net["name"], len(found), len(want))
    worst = max(abs(a - b) for a, b in zip(found, want))
    print(f"{net['name']}: {len(theirs)} tensors, {len(want)} predictions within {worst:.1e}")
    assert worst <= 2e-6, (net["name"], worst)
