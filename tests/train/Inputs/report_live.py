"""Serves a run's report while the run goes on: report_live.py NNC RUN.toml FOLDER."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

nnc, run, folder = sys.argv[1:]
train = subprocess.Popen([nnc, "train", run, "--set", f"train.out={folder}", "--set", "train.epochs=1000000000", "-q"],
                         stdout=subprocess.DEVNULL)
server = None


def wait_until(condition):
    """For what the run, which has no end, is sure to come to."""
    while not condition():
        assert train.poll() is None, train.returncode
        time.sleep(0.05)


def data():
    return json.load(urllib.request.urlopen(address + "data"))


try:
    wait_until(lambda: os.path.exists(folder + "/metrics.csv"))
    server = subprocess.Popen([nnc, "report", folder, "--live", "--port", "0"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    address = server.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address), address
    page = urllib.request.urlopen(address).read().decode()
    assert "connect-src 'self'" in page and '"live":true' in page
    first = data()
    assert first["state"] == "running", first["state"]
    wait_until(lambda: len(data()["curves"]["rows"]) > len(first["curves"]["rows"]))
    assert data()["stamp"] != first["stamp"]

    # The model is on the page too, with nothing to complain of.
    wait_until(lambda: data()["checkpoint"] is not None)
    second = data()
    assert second["model"] and second["compiled"] and second["checkpoint"], second["notes"]

    # Not to a page that found this machine under another name, and not to other machines.
    request = urllib.request.Request(address, headers={"Host": "elsewhere.example"})
    try:
        urllib.request.urlopen(request)
        raise SystemExit("answered a foreign host")
    except urllib.error.HTTPError as error:
        assert error.code == 403
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    taken = subprocess.run([nnc, "report", folder, "--live", "--port", str(port)], capture_output=True, text=True)
    assert taken.returncode == 2 and "this port is not available" in taken.stderr, taken

    train.send_signal(signal.SIGINT)
    train.wait()
    assert data()["state"] == "stopped"
finally:
    for process in (train, server):
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
