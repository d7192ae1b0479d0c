"""Checks what `nnc paths` wrote: paths.py beale JSON ADAM.txt SGD.txt | equal|ravine|decay|four JSON | end JSON TENSOR.json |
page|window HTML | svg SVG."""
import json
import re
import sys


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))


kind, path = sys.argv[1:3]
text = open(path, encoding="utf-8").read()
if kind == "beale":
    paths = json.loads(text)
    for way, run in zip(paths["trajectories"], sys.argv[3:]):
        after = open(run, encoding="utf-8").read().split("after 150 steps")[1]
        w = [float(x) for x in re.search(r"w: f32\[2\] = \[(.*?)\]", after).group(1).split(",")]
        loss = float(re.search(r"loss = (\S+)", after).group(1))
        x, y, end = way["points"][-1]
        assert len(way["points"]) == 151
        assert abs(x - w[0]) < 1e-4 and abs(y - w[1]) < 1e-4 and abs(end - loss) <= 1e-4 * loss, (way["name"], w, loss)
    assert len(paths["minima"]) == 1 and paths["minima"][0]["global"]
    x, y = paths["minima"][0]["at"]
    assert abs(x - 3) < 1e-3 and abs(y - 0.5) < 1e-3, (x, y)
elif kind == "ravine":
    sgd, *others = json.loads(text)["trajectories"]
    swings = sum(a[1] * b[1] < 0 for a, b in zip(sgd["points"], sgd["points"][1:]))
    assert swings > 70, swings
    assert all(other["points"][-1][2] < sgd["points"][-1][2] / 5 for other in others)
elif kind == "equal":
    one, other = json.loads(text)["trajectories"]
    assert len(one["points"]) == 61 and one["points"] == other["points"]
elif kind == "end":
    end = json.loads(text)["trajectories"][0]["points"][-1]
    w = json.loads(open(sys.argv[3], encoding="utf-8").read())["values"]
    assert len(json.loads(text)["trajectories"][0]["points"]) == 81
    assert all(abs(a - b) <= 1e-6 * abs(b) for a, b in zip(end, w)), (end, w)
elif kind == "decay":
    falling, constant = json.loads(text)["trajectories"]
    assert abs(falling["points"][-1][1]) < 1e-3 and abs(abs(constant["points"][-1][1]) - 1) < 1e-3
elif kind == "four":
    minima = json.loads(text)["minima"]
    assert len(minima) == 4 and all(m["global"] for m in minima), minima
    known = [(3, 2), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)]
    assert all(min(abs(m["at"][0] - x) + abs(m["at"][1] - y) for m in minima) < 1e-2 for x, y in known), minima
elif kind == "svg":
    # The first trajectory is one line from point to point and nothing else.
    lengths = [len(re.findall(r"[ML] ", d)) for d in re.findall(r'\bd="([^"]*)"', text)]
    assert 151 in lengths, sorted(lengths)[-5:]
elif kind == "window":
    data = data_of(text)
    assert data["view"] == {"x": [-3, 1], "y": [-2, 2]}, data["view"]
    side = 10 * (data["grid"] - 1)
    labels = [label for contour in data["contours"] for label in contour["labels"]]
    assert len(labels) > 4 and all(0 < x < side and 0 < y < side and abs(angle) < 1.58 for x, y, angle in labels)
    # What is written is the height there, of x^4 + 3 y^2.
    for contour in data["contours"]:
        assert len(f'{contour["value"]:.12g}'.replace(".", "").lstrip("0")) <= 4, contour["value"]
        for column, row, _ in contour["labels"]:
            x, y = -3 + 4 * column / side, -2 + 4 * row / side
            assert abs(x**4 + 3 * y**2 - contour["value"]) < 0.05 * contour["value"] + 0.05, (x, y, contour["value"])
else:
    data = data_of(text)
    size = data["grid"] ** 2
    assert len(data["shade"]) == (size + 2) // 3 * 4 and len(data["contours"]) > 10
    assert any(contour["lines"] for contour in data["contours"])
    assert len(text) < 2_000_000
    # Nothing is loaded from anywhere: no address but the names of namespaces and of a license.
    outside = [u for u in re.findall(r"(?:src|href)=[\"']?(?!data:|#)[^\s>\"']+|@import|url\(\s*[\"']?(?!#)[^)]+", text)
               if not u.startswith("href=${")]
    assert not outside, outside
    assert "default-src 'none'" in text and "connect-src 'none'" in text
