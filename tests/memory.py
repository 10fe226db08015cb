"""Resident memory of the whole daemon, with one station and with many, of two series each. A figure for people.

usage: memory.py PROGRAM [STATIONS]      say: python3 tests/memory.py target/release/bongsu 10000
"""
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

MAIN = """data-dir = "data"
status = "test"
sender = { id = "test@bongsu.example", name = { ko = "시험", en = "Test" } }

[http]
listen = "127.0.0.1:18080"

[[collector]]
name = "field"
kind = "embedded-broker"
listen = "127.0.0.1:18883"

[[channel]]
name = "log"
kind = "log"
audience = "officers"
min-level = "attention"
"""

SITE = """[site]
id = "cut-{site}"
name = {{ ko = "{site}지구", en = "Cut {site}" }}
kind = "slope"
location = [37.5, 128.2]
radius = "100 m"
area = {{ ko = "시험 구역", en = "the test area" }}
instruction = {{ ko = "대피하십시오.", en = "Leave." }}
"""

STATION = """
[[station]]
id = "post-{station}"
sensor = [{{ id = "tilt-1", template = "tilt-biaxial" }}]
"""

OF_A_SITE = 100


def resident_mib(program, stations):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "sites").mkdir()
        (folder / "bongsu.toml").write_text(MAIN)
        for site in range(max(1, stations // OF_A_SITE)):
            of_site = range(min(stations, OF_A_SITE))
            text = SITE.format(site=site) + "".join(STATION.format(station=n) for n in of_site)
            (folder / f"sites/cut-{site}.toml").write_text(text)
        command = [program, "run", "--config", folder / "bongsu.toml"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
            try:
                wait_until_ready(daemon)
                status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
                return int(status.split("VmRSS:")[1].split()[0]) / 1024
            finally:
                daemon.terminate()
                daemon.communicate()


def wait_until_ready(daemon):
    for _ in range(1200):
        if daemon.poll() is not None:
            sys.exit(daemon.stderr.read())
        try:
            urllib.request.urlopen("http://127.0.0.1:18080/readyz", timeout=5).read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("it is not ready after two minutes")


program, stations = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
one, many = resident_mib(program, 1), resident_mib(program, stations)
print(f"{one:.0f} MiB with a station of two series, {many:.0f} MiB with {stations} of them")
