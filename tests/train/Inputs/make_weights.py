"""make_weights.py FILE NAME=ROWSxCOLS[:VALUE[:DTYPE]]...: a safetensors file as another program would write it, every number VALUE."""
import json
import struct
import sys

header, data = {}, b""
for word in sys.argv[2:]:
    name, _, rest = word.partition("=")
    size, value, dtype = rest.split(":") + ["1", "F32"][rest.count(":"):]
    shape = [int(n) for n in size.split("x")]
    count = 1
    for n in shape:
        count *= n
    bytes_ = struct.pack("<f", float(value)) * count if dtype == "F32" else bytes(2 * count)
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
    data += bytes_
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
