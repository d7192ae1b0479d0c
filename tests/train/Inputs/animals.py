"""animals.py RUN-FOLDER: the values printed for one picture (NAME.csv for each output, in this folder) against the same
computed from the checkpoint's weights by plain Python, in double precision: a calculation by hand of the whole net."""
import array
import csv
import glob
import json
import math
import operator
import struct
import sys


def read_checkpoint(path):
    """The f32 tensors of a safetensors file as rows of numbers."""
    data = open(path, "rb").read()
    size, = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        values = array.array("f", data[8 + size + begin:8 + size + end])
        columns = entry["shape"][-1]
        tensors[name] = [values[i:i + columns] for i in range(0, len(values), columns)]
    return tensors


def printed(name):
    rows = list(csv.DictReader(open(f"{name}.csv", encoding="utf-8")))
    assert len(rows) == 1 and rows[0]["file"] == "cat.jpg", f"{name}: one picture is one row"
    return [float(value) for column, value in rows[0].items() if column.split(".")[0] == name]


def layer(x, weight, bias):
    return [math.fsum(map(operator.mul, row, x)) + b for row, b in zip(weight, bias)]


def compare(name, wanted, relative):
    got = printed(name)
    assert len(got) == len(wanted), f"{name}: {len(got)} numbers, {len(wanted)} wanted"
    scale = max(map(abs, wanted))
    worst = max(abs(a - b) for a, b in zip(got, wanted))
    assert worst <= relative * scale, f"{name}: off by {worst} of {scale}"
    print(f"{name}: {len(got)} numbers, largest {scale:.6g}, off by at most {worst:.1e}")


saved = read_checkpoint(glob.glob(f"{sys.argv[1]}/ckpt/step-*.safetensors")[0])
x = printed("x")
assert len(x) == 4082 and len(saved["fc1.weight"]) == 2086
h = [max(value, 0.0) for value in layer(x, saved["fc1.weight"], saved["fc1.bias"][0])]
z = layer(h, saved["fc2.weight"], saved["fc2.bias"][0])
e = [math.exp(score) for score in z]
p = [value / math.fsum(e) for value in e]
compare("h", h, 1e-5)
compare("z", z, 1e-5)
compare("exp_z", e, 1e-4)
compare("sum_exp_z", [math.fsum(e)], 1e-4)
compare("p", p, 1e-5)
compare("p_by_hand", p, 1e-5)
compare("minus_log_p", [-math.log(value) for value in p], 1e-5)
