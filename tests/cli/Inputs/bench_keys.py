"""One line with the fields that the comparison reads; losses as every correct implementation has them."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    lines = file.read().splitlines()
assert len(lines) == 1
record = json.loads(lines[0])
for key in ("step_us_median", "step_us_min", "first_step_s", "compile_s", "peak_rss_mb"):
    assert record[key] >= 0, key
assert record["workload"] == "digits-mlp" and record["threads"] == 1
assert abs(record["gflop_per_step"] - 0.000324) < 1e-6, record
assert abs(record["loss_1"] - 2.38174) < 2e-4 * 2.4, record
assert abs(record["loss_10"] - 2.31919) < 2e-4 * 2.4, record
