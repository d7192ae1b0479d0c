"""The keys that others rely on, and the values that follow from digits.nn alone."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
for key in ("peak_bytes", "parameter_bytes", "gradient_bytes", "optimizer_bytes", "activation_bytes", "flops_per_step",
            "kernels"):
    assert isinstance(report[key], (int, float)), key
parameters = 64 * 32 + 32 + 32 * 10 + 10
assert report["parameters"] == parameters
assert report["parameter_bytes"] >= 4 * parameters
assert report["optimizer_bytes"] >= 8 * parameters
# Forward, weight gradient, and the input gradient of all layers but the first.
assert report["flops_per_step"] == 2 * 32 * (2 * 64 * 32 + 3 * 32 * 10), report["flops_per_step"]
assert report["kernels"] == len(report["step"]) > 0
assert report["activation_bytes"] > 0
# The gradients that are measured at the end of an epoch stand in memory then: no more than the parameters' size.
assert report["epoch_end_bytes"] <= report["parameter_bytes"] + 4096
assert report["distinct_kernels"] <= report["kernels"]
for moved in ("bytes_read", "bytes_written"):
    assert report[moved] == sum(kernel[moved] for kernel in report["step"]) > 0
# Adam reads and writes each parameter and its two moments, and none of them twice over.
assert 3 * 4 * parameters <= report["bytes_written"] < 2 * 3 * 4 * parameters, report["bytes_written"]
