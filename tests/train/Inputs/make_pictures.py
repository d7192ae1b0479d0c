# Pictures of two classes, written without any library: make_pictures.py FOLDER SIZE PER_CLASS SEED. Pictures of
# "left" are bright on the left, those of "top" at the top, over noise.
import random
import struct
import sys
import zlib
from pathlib import Path


def png(height, width, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


folder, size, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
draw = random.Random(seed)
for name in ("left", "top"):
    (folder / name).mkdir(parents=True)
    for i in range(count):
        rows = []
        for y in range(size):
            row = []
            for x in range(size):
                bright = 90 if (x if name == "left" else y) < size // 2 else 0
                row += [bright + draw.randrange(100) for _ in range(3)]
            rows.append(row)
        (folder / name / f"{i:03}.png").write_bytes(png(size, size, rows))
