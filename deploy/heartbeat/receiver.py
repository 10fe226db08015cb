#!/usr/bin/env python3
"""Listens for the heartbeat of bongsu ([heartbeat] in its configuration) and runs a command when it stops, and again when it
is back. Belongs on another machine, best behind another line: an example, in Python's own library alone.

  receiver.py --listen 0.0.0.0:8070 --path /beat/SECRET --silence 180 --run /usr/local/bin/call-duty

The command is run with `silent` or `back`, and the seconds since the last beat. Put a proxy that speaks TLS before it.
"""

import argparse
import http.server
import subprocess
import threading
import time


class Watch:
    def __init__(self, silence, command):
        self.silence, self.command = silence, command
        self.lock = threading.Lock()
        # a bongsu that never speaks is noticed as well
        self.last, self.is_silent = time.monotonic(), False

    def hear(self):
        with self.lock:
            since, self.last = time.monotonic() - self.last, time.monotonic()
            was_silent, self.is_silent = self.is_silent, False
        if was_silent:
            self.call("back", since)

    def look(self):
        with self.lock:
            since = time.monotonic() - self.last
            news = since > self.silence and not self.is_silent
            self.is_silent = self.is_silent or news
        if news:
            self.call("silent", since)

    def call(self, word, since):
        print(f"{word} after {since:.0f} s", flush=True)
        subprocess.run([self.command, word, f"{since:.0f}"], check=False)


class Door(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        if self.path != self.server.path:
            return self.send_error(404)
        self.rfile.read(min(int(self.headers.get("content-length", 0)), 4096))
        self.server.watch.hear()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", default="127.0.0.1:8070")
    parser.add_argument("--path", default="/", help="the only one that is heard: a secret, so that nobody else beats")
    parser.add_argument("--silence", type=float, default=180.0, help="seconds without a beat")
    parser.add_argument("--run", required=True, help="what is run then")
    given = parser.parse_args()
    host, port = given.listen.rsplit(":", 1)
    server = http.server.ThreadingHTTPServer((host, int(port)), Door)
    server.path = given.path
    server.watch = Watch(given.silence, given.run)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        time.sleep(min(1.0, given.silence / 4))
        server.watch.look()


if __name__ == "__main__":
    main()
