// Writes Sparkplug B payloads with a library that is not bongsu's.
const fs = require("fs");
const { encodePayload } = require("sparkplug-payload").get("spBv1.0");

const at = 1783966200000;
fs.writeFileSync("nbirth.bin", encodePayload({
  timestamp: at,
  seq: 0,
  metrics: [
    { name: "bdSeq", type: "UInt64", value: 3 },
    { name: "Node Control/Rebirth", type: "Boolean", value: false },
    { name: "tilt_x", alias: 10, type: "Float", value: 0.25, properties: { engUnit: { type: "String", value: "deg" } } },
    { name: "crack", alias: 11, type: "Int16", value: -2 },
    { name: "site", type: "String", value: "급경사지" },
    { name: "table", type: "DataSet", value: { numOfColumns: 1, types: ["Int32"], columns: ["a"], rows: [[1]] } },
  ],
}));
fs.writeFileSync("ddata.bin", encodePayload({
  timestamp: at + 60000,
  seq: 1,
  metrics: [
    { alias: 10, type: "Float", value: 0.5 },
    { alias: 11, type: "Int16", value: -3, timestamp: at + 30000, isHistorical: true },
  ],
}));
