"""make_pairs.py DIGITS.csv.gz COUNT: rows of two pictures, half of them of one digit, and whether they are."""
import csv
import gzip
import random
import sys

rows = list(csv.reader(gzip.open(sys.argv[1], "rt")))[1:]
draw = random.Random(1)
of = {}
for row in rows:
    of.setdefault(row[64], []).append(row[:64])
print(",".join([f"a{k}" for k in range(64)] + [f"b{k}" for k in range(64)] + ["same"]))
for i in range(int(sys.argv[2])):
    one = draw.choice(sorted(of))
    other = one if i % 2 else draw.choice(sorted(set(of) - {one}))
    print(",".join(draw.choice(of[one]) + draw.choice(of[other]) + [str(i % 2)]))
