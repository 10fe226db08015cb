"""Instruments on a serial line, written after the documents of their formats and nothing else of this project.

usage: instruments.py lines | toa5 | nmea | frames PATH
Speaks until it is killed. `lines` is a tiltmeter, `toa5` a logger that streams a table, `nmea` a weather station, `frames` a
box that speaks our own frames (docs/formats.md): it says each until it is answered, one of them damaged the first time,
and prints a JSON object for each answer.
"""
import errno
import json
import os
import struct
import sys
import termios
import time
import tty

WAIT_S = 2.0


def local_time():
    """The time of Korea, as an instrument shows it."""
    return time.gmtime(time.time() + 9 * 3600)


def open_port(path):
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port, termios.TCSANOW)
    return port


def say(port, data):
    while data:
        data = data[os.write(port, data):]


def tiltmeter(port):
    while True:
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", local_time())
        say(port, f"T1,{stamp},+0.125,-0.25\r\n".encode())
        time.sleep(1)


def logger(port):
    header = [
        '"TOA5","slope-7","CR1000X","12342","CR1000X.Std.05.01","CPU:slope.CR1X","2438","Table1"',
        '"TIMESTAMP","RECORD","BattV","Rain_mm_Tot"',
        '"TS","RN","Volts","mm"',
        '"","","Smp","Tot"',
    ]
    record = 0
    while True:
        if record % 3 == 0:
            say(port, "".join(line + "\r\n" for line in header).encode())
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", local_time())
        say(port, f'"{stamp}",{record},12.75,0.5\r\n'.encode())
        record += 1
        time.sleep(1)


def weather(port):
    while True:
        body = "WIXDR,C,19.5,C,TempAir,P,1.013,B,Barometer"
        total = 0
        for byte in body.encode():
            total ^= byte
        say(port, f"${body}*{total:02X}\r\n".encode())
        time.sleep(1)


# CRC-16/MODBUS, COBS and CBOR, each from its own document.


def crc16(data):
    total = 0xFFFF
    for byte in data:
        total ^= byte
        for _ in range(8):
            total = (total >> 1) ^ 0xA001 if total & 1 else total >> 1
    return total


def stuffed(data):
    out = bytearray()
    for part in data.split(b"\0"):
        while len(part) >= 254:
            out += b"\xff" + part[:254]
            part = part[254:]
        out += bytes([len(part) + 1]) + part
    return bytes(out)


def unstuffed(data):
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        out += data[at + 1:at + code]
        at += code
        if code < 0xFF and at < len(data):
            out.append(0)
    return bytes(out)


def cbor(value):
    def head(major, number):
        if number < 24:
            return bytes([major << 5 | number])
        for code, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
            if number < 1 << 8 * struct.calcsize(form):
                return bytes([major << 5 | code]) + struct.pack(form, number)
        raise ValueError(number)

    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def framed(number, body):
    """The frame, and its CRC."""
    inside = struct.pack(">BH", 1, number) + body
    crc = crc16(inside)
    return b"\0" + stuffed(inside + struct.pack("<H", crc)) + b"\0", crc


class Ear:
    """What comes back, frame by frame."""

    def __init__(self, port):
        self.port, self.held = port, b""
        os.set_blocking(port, False)

    def frame(self, until):
        while time.monotonic() < until:
            while b"\0" in self.held:
                one, self.held = self.held.split(b"\0", 1)
                if one:
                    return unstuffed(one)
            try:
                self.held += os.read(self.port, 256)
            except BlockingIOError:
                time.sleep(0.01)
        return None


def box(port):
    ear = Ear(port)
    number = 0
    while True:
        number += 1
        claim = {"sensor": "crack-1", "quantity": "crack-width", "value": 1.5, "unit": "mm"}
        body = cbor({"seq": number, "at": int(time.time() * 1000), "time_unit": "ms", "readings": [claim]})
        frame, crc = framed(number, body)
        tries = 0
        while True:
            tries += 1
            damaged = number == 3 and tries == 1
            say(port, frame[:9] + bytes([frame[9] ^ 0x40]) + frame[10:] if damaged else frame)
            answer = ear.frame(time.monotonic() + WAIT_S)
            if answer is None:
                continue
            if crc16(answer[:-2]) != struct.unpack("<H", answer[-2:])[0]:
                sys.exit(f"a damaged answer: {answer.hex()}")
            if answer[:-2] == struct.pack(">BHH", 6, number, crc):
                break
            sys.exit(f"not an answer to frame {number}: {answer.hex()}")
        print(json.dumps({"number": number, "crc": crc, "tries": tries}), flush=True)
        time.sleep(0.2)


speak = {"lines": tiltmeter, "toa5": logger, "nmea": weather, "frames": box}[sys.argv[1]]
try:
    speak(open_port(sys.argv[2]))
except OSError as error:
    if error.errno != errno.EIO:
        raise
    print("the line is gone", file=sys.stderr)
