"""Reads metrics.jsonl and the event file of a run by their formats and compares them with metrics.csv: events.py FOLDER EPOCHS.

Written from the published layouts (TFRecord, protobuf's wire format, CRC-32C), not from nnc's code.
"""
import csv
import glob
import json
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(raw):
    while raw:
        length, check = struct.unpack_from("<QI", raw)
        assert masked(raw[:8]) == check
        message = raw[12:12 + length]
        assert masked(message) == struct.unpack_from("<I", raw, 12 + length)[0]
        yield message
        raw = raw[16 + length:]


def fields(message):
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            value = message[at:at + size]
            at += size
        yield key >> 3, value


assert crc32c(b"123456789") == 0xE3069283
folder, epochs = sys.argv[1], int(sys.argv[2])
rows = list(csv.DictReader(open(folder + "/metrics.csv", encoding="utf-8")))
lines = [json.loads(line) for line in open(folder + "/metrics.jsonl", encoding="utf-8")]
assert len(rows) == len(lines) == epochs, (len(rows), len(lines))
files = glob.glob(folder + "/events/*tfevents*")
assert len(files) == 1
start, *events = records(open(files[0], "rb").read())
assert (3, b"brain.Event:2") in list(fields(start))
assert len(events) == epochs, len(events)
for row, line, event in zip(rows, lines, events):
    numbers = {k: float(v) for k, v in row.items()}
    assert {k: v for k, v in line.items() if k not in ("time", "step_ms", "data_ms")} == numbers
    assert 0 < line["data_ms"] < line["step_ms"] < 1e4
    parts = dict(fields(event))
    assert struct.unpack("<d", parts[1])[0] == line["time"] and parts[2] == int(row["step"])
    values = {}
    for number, value in fields(parts[5]):
        inner = dict(fields(value))
        values[inner[1].decode()] = struct.unpack("<f", inner[2])[0]
    wanted = {k.replace(".", "/", 1): v for k, v in numbers.items() if k not in ("epoch", "step", "phase")}
    assert values.keys() == wanted.keys()
    assert all(abs(values[k] - v) <= 1e-6 * abs(v) for k, v in wanted.items())
