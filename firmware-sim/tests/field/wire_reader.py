"""Reads what a station says on a wire: wire_reader.py PATH toa5|frames COUNT.

Says "open", then, once COUNT values have come or a minute is over, each as `series milliseconds value`. Knows tables by
the csv of Python, and frames by the definition of Cheshire and Baker (1997), the CRC of Modbus over Serial Line and RFC 8949.
"""

import csv
import datetime
import os
import select
import struct
import sys
import time
import tty

path, form, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
wire = os.open(path, os.O_RDWR | os.O_NOCTTY)
tty.setraw(wire)
print("open", flush=True)
said = {}


def unstuffed(frame):
    whole, at = bytearray(), 0
    while at < len(frame):
        code = frame[at]
        whole += frame[at + 1 : at + code]
        at += code
        if code < 255 and at < len(frame):
            whole.append(0)
    return bytes(whole)


def stuffed(whole):
    frame, run = bytearray(), bytearray()
    for byte in whole:
        if byte:
            run.append(byte)
        else:
            frame += bytes([len(run) + 1]) + run
            run.clear()
    return bytes(frame + bytes([len(run) + 1]) + run)  # an answer has no run of 254


def crc(data):
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def item(data, at):
    """One item of CBOR, and where the next one begins."""
    major, extra = data[at] >> 5, data[at] & 31
    at += 1
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(extra, 0)
    raw, at = data[at : at + size], at + size
    number = int.from_bytes(raw, "big") if size else extra
    if major < 2:
        return (number if major == 0 else -1 - number), at
    if major == 3:
        return data[at : at + number].decode(), at + number
    if major in (4, 5):
        items = []
        for _ in range(number * (major - 3)):
            one, at = item(data, at)
            items.append(one)
        return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at
    assert major == 7 and size in (4, 8), "no item of a report"
    return struct.unpack(">f" if size == 4 else ">d", raw)[0], at


def frame(stuff):
    whole = unstuffed(stuff)
    inside, check = whole[:-2], crc(whole[:-2])
    assert int.from_bytes(whole[-2:], "little") == check, "the CRC is of other bytes"
    assert inside[0] in (1, 2), "it is no report"
    report, end = item(inside, 3)
    assert end == len(inside) and report["time_unit"] == "ns"
    for one in report["readings"]:
        at = one.get("at", report.get("at"))
        said[f"{one['sensor']}/{one['quantity']}", at // 1_000_000] = one["value"]
    stored = b"\x06" + inside[1:3] + check.to_bytes(2, "big")
    answer = stuffed(stored + crc(stored).to_bytes(2, "little"))
    os.write(wire, b"\0" + answer + b"\0")


names = []


def row(fields):
    global names
    if fields[0] == "TIMESTAMP":
        names = fields[2:]
    elif names and fields[0][:1].isdigit():
        stamp = datetime.datetime.fromisoformat(fields[0] + "+09:00").timestamp()
        for name, value in zip(names, fields[2:], strict=True):
            said[name, round(stamp * 1000)] = float(value)


ended, heard = time.monotonic() + 60, b""
end = b"\0" if form == "frames" else b"\r\n"
while len(said) < count and time.monotonic() < ended:
    if select.select([wire], [], [], 0.2)[0]:
        heard += os.read(wire, 4096)
    *pieces, heard = heard.split(end)
    for piece in filter(None, pieces):
        if form == "frames":
            frame(piece)
        else:
            row(next(csv.reader([piece.decode()])))
for (series, at), value in sorted(said.items()):
    print(series, at, f"{value:.3f}")
