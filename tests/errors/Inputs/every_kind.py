"""Fails when a kind in support/diagnostics.def appears in no golden under tests/errors/, as users see it: [kind]."""
import pathlib
import re
import sys

# Not of the user's making, and no input is known that leads there.
OURS = {"code_generation": "LLVM refuses what nnc gave it"}

root = pathlib.Path(sys.argv[1])
kinds = re.findall(r"^NNC_DIAGNOSTIC\((\w+),", (root / "support/diagnostics.def").read_text(encoding="utf-8"), re.M)
goldens = "".join(path.read_text(encoding="utf-8", errors="replace")
                  for path in (root / "tests/errors").rglob("*") if path.is_file())
missing = [kind for kind in kinds if kind not in OURS and f"[{kind}]" not in goldens]
assert kinds and not missing, "without a golden under tests/errors/: " + ", ".join(missing)
