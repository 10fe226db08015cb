"""Writes SenML packs and a report of bongsu's own form with libraries that are not bongsu's."""

import cbor2
from kpn_senml import SenmlPack, SenmlRecord, SenmlUnits

pack = SenmlPack("s1/")
pack.base_time = 1783966200
pack.base_unit = SenmlUnits.SENML_UNIT_METER
crack = SenmlRecord("crack", value=0.0015)
pack.add(crack)
later = SenmlRecord("crack", value=0.002, time=1783966260)
pack.add(later)
air = SenmlRecord("air", unit=SenmlUnits.SENML_UNIT_DEGREES_CELSIUS, value=21.5)
pack.add(air)

with open("senml.json", "w") as file:
    file.write(pack.to_json())
with open("senml.cbor", "wb") as file:
    file.write(bytes(pack.to_cbor()))

report = {
    "seq": 17,
    "at": 1783966200000,
    "time_unit": "ms",
    "readings": [
        {"sensor": "tilt-1", "quantity": "tilt-x", "value": 0.5, "unit": "deg"},
        {"sensor": "rain-1", "quantity": "rain", "value": 2, "unit": "mm", "at": 1783966140000},
    ],
}
with open("native.cbor", "wb") as file:
    file.write(cbor2.dumps(report, canonical=True))
