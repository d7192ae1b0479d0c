# Two arrays that a linear net can learn from, as NumPy writes them: make_arrays.py FOLDER ROWS COLUMNS. x.npy holds floats,
# y.npy the class: whether the first or the second half of the row is larger in sum.
import array
import random
import struct
import sys
from pathlib import Path


def write(path, kind, shape, values):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values.tobytes())


folder, rows, columns = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder.mkdir()
draw = random.Random(1)
x, y = array.array("f"), array.array("i")
for _ in range(rows):
    row = [draw.gauss(0, 1) for _ in range(columns)]
    x.extend(row)
    y.append(int(sum(row[: columns // 2]) > sum(row[columns // 2 :])))
write(folder / "x.npy", "<f4", (rows, columns), x)
write(folder / "y.npy", "<i4", (rows,), y)
