"""Reads floats from the input registers of a unit: modbus_client.py PATH UNIT COUNT."""

import inspect
import struct
import sys

from pymodbus.client import ModbusSerialClient

path, unit, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = ModbusSerialClient(port=path, baudrate=115200, timeout=1)
known = inspect.signature(client.read_input_registers).parameters
# what a unit is called has changed from version to version
name = next(name for name in ("device_id", "slave", "unit") if name in known)
if not client.connect():
    sys.exit("the port cannot be opened")
answer = client.read_input_registers(0, count=count, **{name: unit})
if answer.isError():
    sys.exit(str(answer))
raw = struct.pack(f">{count}H", *answer.registers)
print(" ".join(f"{value:.3f}" for value in struct.unpack(f">{count // 2}f", raw)))
