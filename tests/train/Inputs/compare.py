"""Compares what `nnc compare` says with the runs' own files: compare.py JSON HTML FOLDER..."""
import csv
import json
import re
import sys

said = json.load(open(sys.argv[1], encoding="utf-8"))
page = open(sys.argv[2], encoding="utf-8").read()
inside = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))
for run, drawn, folder in zip(said["runs"], inside["runs"], sys.argv[3:], strict=True):
    rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(open(folder + "/metrics.csv", encoding="utf-8"))]
    for column in said["columns"]:
        values = [row[column] for row in rows]
        assert abs(run["last"][column] - values[-1]) < 1e-12
        assert abs(run["lowest"][column]["value"] - min(values)) < 1e-12
        assert run["highest"][column]["epoch"] == rows[values.index(max(values))]["epoch"]
    assert len(drawn["curves"]["rows"]) == len(rows)
assert said["columns"][0] == "test.accuracy" and len(page) < 2_000_000
