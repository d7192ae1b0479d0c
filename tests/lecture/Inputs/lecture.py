"""Checks what runs of the lecture's classification chapter left behind.

lecture.py reaches RUN ACCURACY          the last epoch's test accuracy is at least this
lecture.py adds_up RUN                   in every epoch, of both parts, loss = loss.data + loss.penalty
lecture.py one_matrix SCORES ONE         two outputs of nnc predict are the same to rounding
lecture.py column RUN NAME TEST          the last value of a column of metrics.csv; TEST as in "< 1e-5"
lecture.py sheet PNG WEIGHTS ROWS        the picture of templates shows the checkpoint's rows, dark to light
"""
import csv
import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from read_png import pixels  # noqa: E402

kind, *arguments = sys.argv[1:]


def metrics(run):
    with open(run + "/metrics.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(path):
    with open(path, encoding="utf-8") as file:
        return [[float(x) for column, x in row.items() if column != "class"] for row in csv.DictReader(file)]


if kind == "reaches":
    reached = float(metrics(arguments[0])[-1]["test.accuracy"])
    assert reached >= float(arguments[1]), reached
elif kind == "adds_up":
    rows = metrics(arguments[0])
    assert len(rows) >= 10
    for row in rows:
        for part in ("train", "test"):
            whole, data, penalty = (float(row[f"{part}.loss{name}"]) for name in ("", ".data", ".penalty"))
            assert data > 0 and penalty > 0 and abs(whole - data - penalty) < 1e-5 * whole, row
    assert float(rows[-1]["train.loss.data"]) < float(rows[0]["train.loss.data"])
    assert float(rows[-1]["train.loss.penalty"]) > float(rows[0]["train.loss.penalty"])
elif kind == "one_matrix":
    a, b = table(arguments[0]), table(arguments[1])
    assert len(a) == len(b) == 1017 and len(a[0]) == len(b[0]) == 11  # the row and ten scores
    assert max(abs(x - y) for p, q in zip(a, b) for x, y in zip(p, q)) < 2e-5
    assert max(abs(x) for p in a for x in p[1:]) > 1
elif kind == "column":
    found = float(metrics(arguments[0])[-1][arguments[1]])
    sign, limit = arguments[2].split()
    assert found < float(limit) if sign == "<" else found > float(limit), found
elif kind == "sheet":
    raw = open(arguments[1], "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    entry = json.loads(raw[8:8 + size])[arguments[2]]
    rows, length = entry["shape"]
    begin = 8 + size + entry["data_offsets"][0]
    channels = 3 if length == 3072 else 1
    side = round((length // channels) ** 0.5)
    sheet, times, columns = pixels(arguments[0]), 128 // side, min(rows, max(5, -int(-(rows ** 0.5) // 1)))
    assert len(sheet[0]) == 12 + columns * (side * times + 12)
    for k in range(rows):
        row = struct.unpack_from(f"<{length}f", raw, begin + 4 * k * length)
        reach = 3 * (sum(w * w for w in row) / length) ** 0.5
        left, top = 12 + k % columns * (side * times + 12), 12 + k // columns * (side * times + 34)
        for y in range(side):
            for x in range(side):
                want = [min(1, max(0, (row[c * side * side + y * side + x] / reach + 1) / 2)) for c in range(channels)]
                for dx, dy in ((0, 0), (times - 1, times - 1)):
                    got = sheet[top + y * times + dy][left + x * times + dx]
                    assert all(abs(g - 255 * w) < 1.01 for g, w in zip(got, want * (3 // channels))), (k, x, y, got, want)
else:
    sys.exit(__doc__)
