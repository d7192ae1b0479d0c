"""Compares the data inside a report with the run folder it is about: report.py digits|line|bowl|odd FOLDER [PAGE], or
report.py houses FOLDER PAGE TABLE PREDICTED with the table and what nnc predict prints for it."""
import base64
import csv
import json
import math
import re
import struct
import sys

kind, folder = sys.argv[1:3]
path = sys.argv[3] if len(sys.argv) > 3 else folder + "/report.html"
text = open(path, encoding="utf-8").read()
data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1))


def near(a, b, tolerance=1e-5):
    return abs(a - b) <= tolerance * max(1, abs(a), abs(b))


def checkpoint(name):
    raw = open(name, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    body = raw[8 + size:]
    return {k: struct.unpack(f"<{(v['data_offsets'][1] - v['data_offsets'][0]) // 4}f", body[slice(*v["data_offsets"])])
            for k, v in header.items() if k != "__metadata__" and v["dtype"] == "F32"}


def picture(uri):
    png = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


assert len(text) < 2_000_000 and "connect-src 'none'" in text
rows = list(csv.DictReader(open(folder + "/metrics.csv", encoding="utf-8")))
assert data["curves"]["columns"] == list(rows[0])
assert len(data["curves"]["rows"]) == len(rows) == len(data["curves"]["times"])
assert kind == "odd" or all(near(float(v), w) for r, got in zip(rows, data["curves"]["rows"]) for v, w in zip(r.values(), got))
assert data["curves"]["times"] == sorted(data["curves"]["times"]) and data["state"] == "finished"
assert data["notes"] == [] and data["environment"]["threads"] >= 1
assert data["environment"]["parameters"] == sum(n for _, _, n in data["model"]["parameters"])
origins = {key: origin for key, _, origin in data["environment"]["configuration"]}
last = {k: float(v) for k, v in rows[-1].items()}
weights = checkpoint(data["checkpoint"])
for name, _, _ in data["model"]["parameters"]:
    assert near(last["weight." + name], math.sqrt(sum(x * x for x in weights[name]))), name
assert data["compiled"]["peak_bytes"] > 0 and data["compiled"]["step"]

if kind == "digits":
    assert origins["train.epochs"] == "--set" and origins["train.seed"] == "default", origins
    p = data["predictions"]
    assert p["kind"] == "classes" and p["rows"] == 360 and p["pictures"] and p["part"] == "test"
    right = sum(p["confusion"][i][i] for i in range(10))
    assert sum(map(sum, p["confusion"])) == 360 and near(right / 360, last["test.accuracy"]), right
    assert p["wrong"] == 360 - right and p["mistakes"]
    margins = []
    for s in p["mistakes"]:
        assert s["label"] != s["predicted"] == s["scores"][0][0]
        assert picture(s["picture"]) == (8, 8)
        margins.append(s["scores"][0][1] - dict(map(tuple, s["scores"])).get(s["label"], 0))
    assert margins[0] == max(margins)
    assert len(p["samples"]) == 12
    assert [c for c in data["curves"]["columns"] if c.startswith("gradient.")] == \
        ["gradient.fc1.weight", "gradient.fc1.bias", "gradient.fc2.weight", "gradient.fc2.bias"]
elif kind == "line":
    p = data["predictions"]
    assert p["kind"] == "numbers" and p["part"] == "training" and p["truth"] == "y"
    table = [(1, 2), (2, 3), (3, 5), (-1, 0)]
    w = weights["w"][0]
    pairs, = p["pairs"]
    assert pairs["name"] == "y" and near(pairs["rmse"], math.sqrt(sum((w * x - y) ** 2 for x, y in table) / 4), 1e-5)
    assert all(near(said, w * x) and truth == y for (truth, said), (x, y) in zip(pairs["points"], table, strict=True))
    # On the first batch, the first two rows of the file, at the weights that the epoch ended with.
    for row in rows:
        w = float(row["weight.w"])
        by_hand = sum(2 * (w * x - y) * x for x, y in table[:2]) / 2
        assert near(float(row["gradient.w"]), abs(by_hand)), (row, by_hand)
elif kind == "houses":
    p = data["predictions"]
    assert p["kind"] == "numbers" and p["part"] == "test" and p["rows"] == 5 and p["truth"] == "price"
    table = list(csv.DictReader(open(sys.argv[4], encoding="utf-8")))
    given = {int(row["row"]): float(row["guess"]) for row in csv.DictReader(open(sys.argv[5], encoding="utf-8"))}
    price = next(i for i in json.load(open(folder + "/fitted.json", encoding="utf-8"))["inputs"] if i["name"] == "target")
    for s in p["samples"]:
        row = table[s["row"]]
        assert s["place"] == f"houses.csv:{s['row'] + 2}", s
        assert s["values"] == [["age", row["age"]], ["rooms", row["rooms"] if row["rooms"] != "-" else None], ["near", row["near"]]], s
        assert near(s["truth"][0], float(row["price"])), s
        assert near(s["value"][0], 1000 * (given[s["row"]] * price["std"][0] + price["mean"][0]), 1e-4), (s, given)
    assert len({s["row"] for s in p["samples"]}) == 5 and any(s["values"][1][1] is None for s in p["samples"])
    pairs, = p["pairs"]
    assert pairs["name"] == "price" and [round(true, 1) for true, _ in pairs["points"]] == \
        [float(table[s["row"]]["price"]) for s in p["samples"]]
elif kind == "odd":
    at = data["curves"]["columns"].index("test.root")
    assert [row[at] for row in data["curves"]["rows"]] == ["nan"] * 3, data["curves"]
else:
    assert data["predictions"] is None
    w = weights["w"]
    assert near(last["gradient.w"], 2 * math.hypot(*w)) and w[0] < 3
