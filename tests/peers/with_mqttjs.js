// Publishes what stands on standard input, a JSON object a line, over mqtt.js: {"topic", "hex", "retain"}.
//
// Arguments: port, protocol (4 for MQTT 3.1.1, 5 for MQTT 5). Ends with 0 once the broker has acknowledged everything.
const mqtt = require("mqtt");

const [port, protocol] = process.argv.slice(2).map(Number);
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line);
const client = mqtt.connect({ host: "127.0.0.1", port, protocolVersion: protocol, clientId: `mqttjs-${protocol}` });
client.on("error", (error) => { console.error(error.message); process.exit(1); });
client.on("connect", () => {
    let open = lines.length;
    for (const line of lines) {
        const said = JSON.parse(line);
        client.publish(said.topic, Buffer.from(said.hex, "hex"), { qos: 1, retain: said.retain || false }, (error) => {
            if (error) { console.error(error.message); process.exit(1); }
            open -= 1;
            if (open === 0) client.end();
        });
    }
});
