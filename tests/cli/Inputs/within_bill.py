# within_bill.py NNC FOLDER WORKLOAD[:FLAG…]…: the peak of resident memory of `nnc bench` beside `nnc compile`'s bill, or beside a
# limit, --memory=…M.
import json
import subprocess
import sys

ALLOWED = 40e6  # bytes beyond the bill: the program itself, LLVM, the compiled code


def facts(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


nnc, folder, *workloads = sys.argv[1:]
too_much = False
for name in workloads:
    workload, *flags = name.split(":")
    path = f"{folder}/{workload}.toml"
    flags += ["--threads=2", "--json"]
    said = facts(nnc, "compile", path, *flags)
    bill = said["peak_bytes"] - said["feeding_bytes"]  # `nnc bench` takes its rows as they lie
    for flag in flags:
        if flag.startswith("--memory="):
            bill = int(flag.removeprefix("--memory=").removesuffix("M")) * 2**20
            too_much |= said["peak_bytes"] > bill
    facts(nnc, "bench", path, *flags, "--max-seconds", "0.1")  # fills the cache of machine code
    resident = facts(nnc, "bench", path, *flags, "--max-seconds", "0.1")["peak_rss_mb"] * 2**20
    print(f"{name}: bill {bill / 1e6:.1f} MB, resident {resident / 1e6:.1f} MB, beyond {(resident - bill) / 1e6:.1f} MB")
    too_much |= resident > bill + ALLOWED
sys.exit(too_much)
