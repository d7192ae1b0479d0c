"""falls.py metrics.csv: the training loss falls from line to line, and by a lot in all."""
import csv
import sys

losses = [float(row["train.loss"]) for row in csv.DictReader(open(sys.argv[1]))]
assert len(losses) > 10, losses
assert all(later <= earlier for earlier, later in zip(losses, losses[1:])), losses
assert losses[-1] < 0.2 * losses[0], losses
