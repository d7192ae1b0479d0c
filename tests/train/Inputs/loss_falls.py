"""Whether the training loss of the last epoch in a metrics.csv is below that of the first."""
import csv
import sys

rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))
column = next(name for name in rows[0] if name.startswith("train") and name.endswith("loss"))
first, last = float(rows[0][column]), float(rows[-1][column])
sys.exit(0 if last < first else f"{column}: {first} to {last}")
