"""Compares what nnc inspect --activations says, draws and puts into pages with what the models compute by hand:
activations.py edges|steps|lstm|attention|sheet|filters|page|maps|report FILE …"""
import json
import math
import pathlib
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from read_png import pixels  # noqa: E402

kind, path, *arguments = sys.argv[1:]


def near(a, b, tolerance=1e-5):
    return abs(a - b) <= tolerance * max(1, abs(a), abs(b))


def values(file=path):
    said = json.load(open(file, encoding="utf-8"))
    for value in said["values"]:
        numbers = value["values"]
        assert len(numbers) == math.prod(value["shape"]), value["name"]
        assert near(value["min"], min(numbers)) and near(value["max"], max(numbers))
        assert near(value["mean"], sum(numbers) / len(numbers))
        assert near(value["zeros"], numbers.count(0) / len(numbers)) and value["not_finite"] == 0
    return {value["name"]: value for value in said["values"]}


def page_data(file=path):
    text = open(file, encoding="utf-8").read()
    assert "connect-src 'none'" in text and len(text) < 1_000_000, len(text)
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1))


if kind == "edges":
    table, row = open(arguments[0]).read().split(), int(arguments[1])
    image = [float(x) for x in table[row].split(",")][:64]
    got = values()
    assert list(got) == ["image", "x", "c", "r", "score"], list(got)
    assert got["image"]["values"] == image == got["x"]["values"] and got["x"]["shape"] == [1, 8, 8]
    at = lambda i, j: image[8 * i + j]
    edge = [sum(at(i + a, j + 2) - at(i + a, j) for a in range(3)) for i in range(6) for j in range(6)]
    middle = [at(i + 1, j + 1) - 1 for i in range(6) for j in range(6)]
    assert got["c"]["values"] == edge + middle and got["c"]["shape"] == [2, 6, 6]
    assert got["r"]["values"] == [max(0, x) for x in edge + middle]
    assert all(near(x, sum(got["r"]["values"][36 * k:36 * k + 36]) / 36) for k, x in enumerate(got["score"]["values"]))
elif kind == "steps":
    got = values()
    assert got["h"]["shape"] == [3, 2] and list(got) == ["x", "h", "forward"], list(got)
    s, states = [0, 0], []
    for x in (1, 0.5, -1):
        s = [math.tanh(0.5 * s[0] - 0.25 * s[1] + x), math.tanh(0.25 * s[0] + 0.5 * s[1] - x)]
        states += s
    assert all(map(near, got["h"]["values"], states)), (got["h"]["values"], states)
    assert near(got["forward"]["values"][0], sum(s)) and got["forward"]["shape"] == []
elif kind == "lstm":
    raw = open(arguments[0], "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    weights = {}
    for name, t in json.loads(raw[8:8 + size]).items():
        if name.startswith("lstm."):
            begin, end = t["data_offsets"]
            weights[name[5:]] = struct.unpack(f"<{(end - begin) // 4}f", raw[8 + size + begin:8 + size + end])
    got = values()
    assert json.load(open(path, encoding="utf-8"))["words"] == ["t", "o", "·", "b", "e", ","]
    inputs, hidden = got["embed"]["shape"][1], got["lstm"]["shape"][1]
    times = lambda w, x: [sum(w[r * len(x) + k] * x[k] for k in range(len(x))) for r in range(4 * hidden)]
    sigmoid = lambda x: 1 / (1 + math.exp(-x))
    h, c, hs, cs = [0] * hidden, [0] * hidden, [], []
    for t in range(6):
        x = got["embed"]["values"][t * inputs:(t + 1) * inputs]
        z = [sum(parts) for parts in zip(times(weights["weight_ih_l0"], x), times(weights["weight_hh_l0"], h),
                                         weights["bias_ih_l0"], weights["bias_hh_l0"])]
        i, f, g, o = (z[k * hidden:(k + 1) * hidden] for k in range(4))
        c = [sigmoid(f[k]) * c[k] + sigmoid(i[k]) * math.tanh(g[k]) for k in range(hidden)]
        h = [sigmoid(o[k]) * math.tanh(c[k]) for k in range(hidden)]
        hs, cs = hs + h, cs + c
    assert all(map(near, got["lstm"]["values"], hs)) and all(map(near, got["lstm.c"]["values"], cs))
elif kind == "attention":
    got = values()
    layers = [name for name in got if name.endswith("weights")]
    assert layers == [f"h.{k}.weights" for k in range(int(arguments[0]))], list(got)
    for name in layers:
        heads, queries, keys = got[name]["shape"]
        assert queries == keys == 9
        for h in range(heads):
            for q in range(queries):
                row = got[name]["values"][(h * queries + q) * keys:][:keys]
                assert near(sum(row), 1) and min(row[:q + 1]) > 0 and not any(row[q + 1:]), (name, h, q, row)
elif kind == "sheet":
    # Two maps of 6 x 6 below a title, 34 pixels a cell, over three times the root of the mean square of both.
    sheet, maps = pixels(path), values(arguments[0])["c"]["values"]
    reach = 3 * math.sqrt(sum(x * x for x in maps) / len(maps))
    assert len(sheet[0]) == 1440
    for k in range(2):
        for i in range(6):
            for j in range(6):
                share = min(1, max(0, (maps[36 * k + 6 * i + j] + reach) / (2 * reach)))
                got = sheet[120 + 34 * i + 17][40 + 220 * k + 34 * j + 17]
                assert all(abs(part - 255 * share) <= 1 for part in got), (k, i, j, got, 255 * share)
    assert 0 in maps and any(x < 0 for x in maps)
elif kind == "filters":
    # 42 pixels a weight, each filter over three times the root of its mean square.
    sheet = pixels(path)
    for k, weights in enumerate(([-1, 0, 1] * 3, [0, 0, 0, 0, 1, 0, 0, 0, 0])):
        reach = 3 * math.sqrt(sum(w * w for w in weights) / 9)
        for i in range(9):
            got = sheet[12 + 42 * (i // 3) + 21][12 + 138 * k + 42 * (i % 3) + 21]
            assert all(abs(part - 255 * (weights[i] + reach) / (2 * reach)) <= 1 for part in got), (k, i, got)
elif kind == "page":
    got, data = values(arguments[0]), page_data()
    assert [v["name"] for v in data["values"]] == list(got)
    assert [v["form"] for v in data["values"]] == ["picture", "picture", "maps", "maps", "strip"]
    assert [len(v["pictures"]) for v in data["values"]] == [1, 1, 2, 2, 1]
elif kind == "maps":
    assert [v["name"] for v in page_data()["seen"]["values"] if v["kind"] == "maps"] == arguments, arguments
elif kind == "report":
    data = page_data()
    assert data["notes"] == [] and (data["filters"] is not None) == ("filters" in arguments)
    kinds = {v["kind"] for v in data["seen"]["values"]} if data["seen"] else set()
    assert kinds == set(arguments) - {"filters"}, kinds
    if data["filters"]:
        f = data["filters"]
        assert (f["parameter"], f["of"], len(f["pictures"]), f["width"]) == ("c.weight", 2, 2, 3), f
    for v in data["seen"]["values"] if data["seen"] else []:
        assert v["pictures"] and all(uri.startswith("data:image/png;base64,") for uri in v["pictures"])
        assert v["says"] and (not v["words"] or len(data["seen"]["words"]) == v["width"]), v["name"]
else:
    sys.exit(f"{kind} is not known")
