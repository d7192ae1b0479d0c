"""Checks what `nnc paths` wrote: paths.py beale JSON ADAM.txt SGD.txt | ravine JSON | page HTML."""
import json
import re
import sys


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))


kind, path = sys.argv[1:3]
text = open(path, encoding="utf-8").read()
if kind == "beale":
    paths = json.loads(text)
    for way, run in zip(paths["ways"], sys.argv[3:]):
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
    sgd, *others = json.loads(text)["ways"]
    swings = sum(a[1] * b[1] < 0 for a, b in zip(sgd["points"], sgd["points"][1:]))
    assert swings > 70, swings
    assert all(other["points"][-1][2] < sgd["points"][-1][2] / 5 for other in others)
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
