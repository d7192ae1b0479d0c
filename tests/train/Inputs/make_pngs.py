"""PNGs whose numbers are known, written without any library: make_pngs.py FOLDER. Each is 2 x 2 pixels of one value."""
import struct
import sys
import zlib
from pathlib import Path


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(bits, color, pixel, *chunks):
    """`pixel` as bytes; `color` as the format numbers it: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, bits, color, 0, 0, 0))
    rows = (b"\0" + 2 * pixel) * 2
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


folder = Path(sys.argv[1])
folder.mkdir(parents=True)
gamma = [chunk(b"gAMA", struct.pack(">I", round(100000 * g))) for g in (1.0, 2.0)]
for name, data in {
        "gray8_7": png(8, 0, bytes([7])),
        "gray16_257": png(16, 0, struct.pack(">H", 257)),
        "gray16_2570": png(16, 0, struct.pack(">H", 2570)),
        "gray16_32768": png(16, 0, struct.pack(">H", 32768)),
        "gray16_65535": png(16, 0, struct.pack(">H", 65535)),
        "rgb16_32768": png(16, 2, struct.pack(">3H", 32768, 32768, 32768)),
        "gray_alpha_0_128": png(8, 4, bytes([0, 128])),
        "rgba_0_200": png(8, 6, bytes([0, 0, 0, 200])),
        "rgba_40_0": png(8, 6, bytes([40, 40, 40, 0])),
        "gamma1_128": png(8, 2, bytes([128] * 3), gamma[0]),
        "gamma2_128": png(8, 2, bytes([128] * 3), gamma[1]),
        "palette_20": png(8, 3, bytes([1]), chunk(b"PLTE", bytes([10] * 3 + [20] * 3))),
        "palette_clear": png(8, 3, bytes([1]), chunk(b"PLTE", bytes([10] * 3 + [20] * 3)), chunk(b"tRNS", bytes([255, 0]))),
        "background": png(8, 6, bytes([0, 0, 0, 128]), chunk(b"bKGD", struct.pack(">3H", 9, 9, 9))),
}.items():
    (folder / (name + ".png")).write_bytes(data)
