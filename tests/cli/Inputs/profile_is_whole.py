"""profile_is_whole.py PROFILE COMPILED TRACE: a profile names the kernels of the step, and its trace has no gaps."""
import json
import sys

profile, compiled, trace = (json.load(open(path)) for path in sys.argv[1:])
names = [k["kernel"] for k in compiled["step"]]
assert [k["kernel"] for k in profile["kernels"]] == names, (names, profile["kernels"])
for kernel, same in zip(profile["kernels"], compiled["step"]):
    assert kernel["us"] >= 0 and kernel["least_us"] > 0, kernel
    assert kernel["flops"] == same["flops"] and kernel["bytes_read"] == same["bytes_read"], (kernel, same)
    assert kernel["bound"] in ("multiply-adds", "arithmetic", "cache", "memory"), kernel
total = sum(k["us"] for k in profile["kernels"])
assert abs(total - profile["kernels_us"]) < 1e-6 * total, (total, profile["kernels_us"])
threads = {}
for event in trace["traceEvents"]:
    threads.setdefault(event["tid"], []).append(event)
assert len(threads) == profile["threads"], threads.keys()
for events in threads.values():
    assert [e["name"] for e in events if e["cat"] == "kernel"] == names, events
    assert len(events) == len(names) + compiled["barriers"], len(events)
    for one, next_one in zip(events, events[1:]):
        assert abs(one["ts"] + one["dur"] - next_one["ts"]) < 1e-3 and one["dur"] >= 0, (one, next_one)
