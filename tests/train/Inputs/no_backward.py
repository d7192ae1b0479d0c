"""no_backward.py SEARCH.json SGD.json: two reports of nnc compile on the digits. A search stores no gradient, and its
matrix products are those of two forward passes; a step along the gradient has the backward ones."""
import json
import sys

search, sgd = (json.load(open(path)) for path in sys.argv[1:3])
first, second = 2 * 32 * 64 * 32, 2 * 32 * 32 * 10
assert search["gradient_bytes"] == 0, search["gradient_bytes"]
assert search["flops_per_step"] == 2 * (first + second), search["flops_per_step"]
assert sgd["flops_per_step"] == 2 * first + 3 * second, sgd["flops_per_step"]
