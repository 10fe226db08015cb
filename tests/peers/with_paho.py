"""Publishes what stands on standard input, a JSON object a line, over Eclipse paho: {"topic", "hex", "retain"}.

Arguments: port, protocol (4 for MQTT 3.1.1, 5 for MQTT 5). Ends with 0 once the broker has acknowledged everything.
"""
import json
import sys

import paho.mqtt.client as mqtt

port, protocol = int(sys.argv[1]), int(sys.argv[2])
client = mqtt.Client(client_id=f"paho-{protocol}", protocol=protocol)
client.connect("127.0.0.1", port)
client.loop_start()
for line in sys.stdin:
    said = json.loads(line)
    info = client.publish(said["topic"], bytes.fromhex(said["hex"]), qos=1, retain=said.get("retain", False))
    info.wait_for_publish(30)
    if not info.is_published():
        sys.exit(f"{said['topic']}: not acknowledged")
client.disconnect()
