# Random rows as published data sets store them, for tests in which nothing is learned: make_rows.py FOLDER ROWS writes
# idx/ (IDX: 12 x 12 pictures, training and test part), cifar.bin (CIFAR-10's records) and table.csv (8 numbers, a class).
import random
import struct
import sys
from pathlib import Path

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
random.seed(3)
labels = bytes(i % 10 for i in range(rows))
(folder / "idx").mkdir()
for part in ("train", "t10k"):
    pictures = struct.pack(">4B3i", 0, 0, 8, 3, rows, 12, 12) + random.randbytes(rows * 144)
    (folder / f"idx/{part}-images-idx3-ubyte").write_bytes(pictures)
    (folder / f"idx/{part}-labels-idx1-ubyte").write_bytes(struct.pack(">4Bi", 0, 0, 8, 1, rows) + labels)
(folder / "cifar.bin").write_bytes(b"".join(labels[i : i + 1] + random.randbytes(3072) for i in range(rows)))
with open(folder / "table.csv", "w", encoding="ascii") as table:
    for label in labels:
        print(*(f"{random.random():.3f}" for _ in range(8)), label, sep=",", file=table)
