"""A header, then rows of ten probabilities that add up to one, and the likeliest digit."""
import csv
import sys

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    rows = list(csv.reader(file))
assert rows[0][0] == "row" and rows[0][-1] == "class" and len(rows[0]) == 12, rows[0]
assert len(rows) > 100
for row in rows[1:]:
    values = [float(x) for x in row[1:-1]]
    assert all(0 <= v <= 1 for v in values) and abs(sum(values) - 1) < 1e-4, row
    assert values.index(max(values)) == int(row[-1]), row
