# lit's view of tests/: every *.test, *.nn, *.nnir and *.nnk file outside Inputs/ is a test with RUN lines, run by bash.
#   %nnc      the program under test          %src   the repository's root
#   %build    the build folder                %sanitized   1 under a sanitizer, else 0
#   exits N   tests/bin: checks an exit code  split-file, FileCheck, not   LLVM's tools
import os
import subprocess

import lit.formats

config.name = "nnc"
config.test_format = lit.formats.ShTest(execute_external=True)
config.suffixes = [".test", ".nn", ".nnir", ".nnk"]
config.excludes = ["Inputs", "unit", "bin", "hold", "broken", "random", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.build_dir, "tests", "lit")

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.test_source_root, "bin"), config.llvm_tools, config.environment.get("PATH", "")])
# Nothing of the user's: not the cache, not the colors, not the number of threads: that is one, since tests run side by side and
# threads that wait for others of which there are more than processors wait long. Tests of threads say how many.
config.environment.update(XDG_CACHE_HOME=os.path.join(config.test_exec_root, "cache"), NO_COLOR="1", LC_ALL="C.UTF-8",
                          NNC_THREADS="1",
                          NNC_HOLD=os.path.join(config.build_dir, "tests", "libnnc_hold.so"))
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%nnc", os.path.join(config.build_dir, "nnc")))
config.substitutions.append(("%build", config.build_dir))
config.substitutions.append(("%sanitized", "1" if config.sanitized else "0"))
config.substitutions.append(("%src", config.source_dir))

if config.sanitized:
    config.available_features.add("sanitized")
with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
    if "avx512f" in cpuinfo.read():
        config.available_features.add("avx512")
# Data sets too large to ship lie beside the repository where the tests are written.
if os.path.isdir(os.path.join(config.source_dir, os.pardir, "shared", "data")):
    config.available_features.add("shared-data")
# Mounting a small file system needs root, or user namespaces, which not every machine allows.
if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0:
    config.available_features.add("small-disk")
