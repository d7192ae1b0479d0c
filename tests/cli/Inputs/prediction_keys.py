"""One line with what the comparison of predictions reads. The norm of the output is ONNX Runtime's for the same network, parameters
and picture (bench/inference.py)."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    record = json.loads(file.read())
assert record["mode"] == "predict.probability" and record["workload"] == "resnet8", record
assert record["step_us_median"] >= record["step_us_min"] > 0 and record["steps"] > 0, record
assert abs(record["norm_1"] - 0.3172583) < 1e-6, record
assert not [key for key in record if "loss" in key], record
