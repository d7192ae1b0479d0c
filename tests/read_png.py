"""Reads PNG files for the tests that look at pictures."""
import struct
import zlib


def pixels(path):
    """The rows of an 8-bit RGB or RGBA PNG, as Cairo writes it, each pixel (r, g, b)."""
    raw = open(path, "rb").read()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    at, data = 8, b""
    while at < len(raw):
        size, name = struct.unpack(">I4s", raw[at:at + 8])
        body = raw[at + 8:at + 8 + size]
        if name == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            assert depth == 8 and color in (2, 6)
        if name == b"IDAT":
            data += body
        at += size + 12
    n = 3 if color == 2 else 4
    data, line, rows = zlib.decompress(data), [0] * (n * width), []
    for y in range(height):
        start = y * (n * width + 1)
        how, new = data[start], list(data[start + 1:start + 1 + n * width])
        for i in range(n * width):
            a, b, c = (new[i - n] if i >= n else 0), line[i], (line[i - n] if i >= n else 0)
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            new[i] = new[i] + (0, a, b, (a + b) // 2, nearest)[how] & 255
        line = new
        rows.append([tuple(new[n * x:n * x + 3]) for x in range(width)])
    return rows
