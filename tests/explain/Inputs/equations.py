"""Checks what `nnc explain --json` says of an LSTM: each equation in three forms, with its type and its lines."""
import json
import sys
import xml.etree.ElementTree

with open(sys.argv[1], encoding="utf-8") as file:
    found = json.load(file)
back = {e["left"]["text"]: e for e in found["equations"]}
step = back["∂loss/∂hₜ"]
assert step["right"]["text"] == "∂loss/∂aₜ · U", step
assert step["right"]["latex"] == r"\frac{\partial \mathrm{loss}}{\partial {a}_{t}} \cdot U", step
assert step["steps"] == {"length": 4, "reversed": True}, step
assert step["shape"][1] == 2 and step["dtype"] == "f32", step
assert back["loss"]["lines"].endswith("lstm.nn:8,22"), back["loss"]
for equation in found["equations"]:
    for side in ("left", "right"):
        xml.etree.ElementTree.fromstring(f"<math>{equation[side]['mathml']}</math>")
    assert equation["right"]["text"] in found["text"]
