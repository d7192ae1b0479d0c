import re
import sys

screen = open(sys.argv[1], encoding="utf-8", newline="").read()
bars = re.findall(r"\r(epoch [^\r\x1b]*)\x1b\[K", screen)
assert len(bars) > 3, screen[-500:]
last = bars[-1]
assert re.search(r"\[=*\.*\] +\d+%  loss \S+  \d+ steps/s  \d+:\d\d:\d\d left  [▁▂▃▄▅▆▇█]{2,24}$", last), last
assert max(map(len, bars)) < 140
assert screen.count("\r\x1b[K") >= 1 and "stopped at step" in screen
