"""Reads a run's events with TensorBoard's own reader and compares them with metrics.csv: events.py FOLDER."""
import csv
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder = sys.argv[1]
rows = list(csv.DictReader(open(folder + "/metrics.csv", encoding="utf-8")))
events = EventAccumulator(folder + "/events")
events.Reload()
tags = set(events.Tags()["scalars"])
wanted = {name for name in rows[0] if name not in ("epoch", "step", "phase")}
assert tags == {name.replace(".", "/", 1) for name in wanted}, tags
for name in wanted:
    values = events.Scalars(name.replace(".", "/", 1))
    assert [v.step for v in values] == [int(row["step"]) for row in rows], name
    assert all(abs(v.value - float(row[name])) <= 1e-6 * abs(float(row[name])) for v, row in zip(values, rows)), name
print(f"TensorBoard reads {len(tags)} curves of {len(rows)} epochs")
