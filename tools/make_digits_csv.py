#!/usr/bin/env python3
"""Makes examples/digits/{train,test}.csv.gz from scikit-learn's digits.csv.gz (1797 rows: 64 pixels 0..16, the digit).

    tools/make_digits_csv.py .../sklearn/datasets/data/digits.csv.gz examples/digits

The rows are shuffled once with a fixed generator; four fifths train, the rest test. The same input gives the same
bytes: no time, no file name in the gzip header.
"""
import gzip
import pathlib
import sys


def shuffled(rows, seed=1):
    """Fisher-Yates with splitmix64, so that the order depends on nothing but this file."""
    mask = (1 << 64) - 1
    for last in range(len(rows) - 1, 0, -1):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        other = (z ^ (z >> 31)) % (last + 1)
        rows[last], rows[other] = rows[other], rows[last]
    return rows


def write(path, rows):
    header = ",".join([f"p{k}" for k in range(64)] + ["label"])
    text = "\n".join([header, *rows]) + "\n"
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write(text.encode())


def main():
    source, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    with gzip.open(source, "rt") as lines:
        rows = shuffled([line.strip() for line in lines if line.strip()])
    assert len(rows) == 1797 and all(row.count(",") == 64 for row in rows), "this is not digits.csv.gz"
    cut = len(rows) * 4 // 5
    write(folder / "train.csv.gz", rows[:cut])
    write(folder / "test.csv.gz", rows[cut:])


if __name__ == "__main__":
    main()
