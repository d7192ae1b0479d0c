"""Writes a safetensors file whose names hold control characters."""
import json
import struct
import sys

header = json.dumps({
    "__metadata__": {"a\x1bkey": "a\x1bvalue"},
    "\x1b]0;title\x07weight\nline\x9b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
}, ensure_ascii=False).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + struct.pack("<f", 1))
