"""An independent Modbus unit: pymodbus on a port or an address.

usage: modbus_server.py rtu PATH | tcp PORT
Unit 17 holds 12.75 in registers 100 and 101 of the input table in the order CDAB, 215 in register 102 of it, -7 in register 0
of the holding table, and a tripped wire in discrete input 5. Other addresses are refused.
"""
import asyncio
import struct
import sys

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.server.async_io import StartAsyncSerialServer, StartAsyncTcpServer

high, low = struct.unpack(">HH", struct.pack(">f", 12.75))
unit = ModbusSlaveContext(
    di=ModbusSparseDataBlock({5: 1}),
    co=ModbusSparseDataBlock({0: 0}),
    hr=ModbusSparseDataBlock({0: 0x10000 - 7}),
    ir=ModbusSparseDataBlock({100: low, 101: high, 102: 215}),
    zero_mode=True,
)
context = ModbusServerContext(slaves={17: unit}, single=False)


async def serve():
    if sys.argv[1] == "rtu":
        try:
            from pymodbus.framer.rtu_framer import ModbusRtuFramer as framer
        except ImportError:
            from pymodbus.framer import FramerType

            framer = FramerType.RTU
        await StartAsyncSerialServer(context, framer=framer, port=sys.argv[2], baudrate=115200, ignore_missing_slaves=True)
    else:
        await StartAsyncTcpServer(context, address=("127.0.0.1", int(sys.argv[2])), ignore_missing_slaves=True)


asyncio.run(serve())
