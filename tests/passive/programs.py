"""Run in namespaces of its own: a camera on one end of a cable, real programs on the other. Writes the files that they make into a folder."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.conditions import capturing, listening, until

CAMERA = "44:19:b6:00:00:20"
CLIENT = """send host-name "cam-gate";
send vendor-class-identifier "HIKVISION-IPC";
request subnet-mask, routers, domain-name-servers, ntp-servers;
timeout 25; initial-interval 1; backoff-cutoff 2; retry 2;
"""


def run(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, check=check, capture_output=True, text=True, timeout=900)


class Page(http.server.BaseHTTPRequestHandler):
    """A page such as a camera's."""

    server_version, sys_version = "App-webs/", ""

    def do_GET(self) -> None:
        body = b"<html><head><title>index</title></head><body></body></html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def lease(folder: Path, name: str, far: tuple[str, ...], server: list[str], env: dict[str, str]) -> str:
    """Start a DHCP server on the far end and let the camera ask it; returns what went wrong, if anything did."""
    with (folder / f"{name}.log").open("w") as log:
        running = subprocess.Popen([*far, *server], stdout=log, stderr=log, env={**os.environ, **env})
        try:
            until(lambda: ("udp", 67) in listening(running.pid), f"{name} takes questions")
            conf = folder / "dhclient.conf"
            conf.write_text(CLIENT)
            held = folder / f"client-{name}"
            words = ["-4", "-1", "-d", "-sf", "/bin/true", "-cf", str(conf), "-lf", str(held), "-pf", str(folder / "pid"), "cam0"]
            client = subprocess.Popen(["dhclient", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for _ in range(250):  # it stays, to renew the lease
                if client.poll() is not None or (held.exists() and "fixed-address" in held.read_text()):
                    break
                time.sleep(0.1)
            client.terminate()
            return client.communicate(timeout=60)[0]
        finally:
            time.sleep(0.5)
            running.terminate()
            running.wait(60)


def main(folder: Path) -> None:
    run("mount", "-t", "tmpfs", "none", "/run")
    for place in ("/run/netns", "/run/kea"):
        Path(place).mkdir()
    run("ip", "link", "set", "lo", "up")
    run("ip", "netns", "add", "far")
    far = ("ip", "netns", "exec", "far")
    run("ip", "link", "add", "cam0", "address", CAMERA, "type", "veth", "peer", "name", "office", "netns", "far")
    run("ip", "addr", "add", "192.0.2.20/24", "dev", "cam0")
    run("ip", "link", "set", "cam0", "up")
    run(*far, "ip", "addr", "add", "192.0.2.1/24", "dev", "office")
    run(*far, "ip", "link", "set", "office", "up")
    capture = subprocess.Popen([*far, "dumpcap", "-q", "-i", "office", "-w", str(folder / "office.pcapng")], stderr=subprocess.DEVNULL)
    until(lambda: capturing(capture.pid) > 0, "dumpcap takes packets")
    told: dict[str, str] = {}
    (folder / "dhcpd.conf").write_text("default-lease-time 600;\nsubnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.60 192.0.2.69; }\n")
    (folder / "dhcpd.leases").touch()
    kea = {
        "Dhcp4": {
            "interfaces-config": {"interfaces": ["office"]}, "valid-lifetime": 600,
            "lease-database": {"type": "memfile", "persist": True, "name": str(folder / "kea-leases4.csv"), "lfc-interval": 0},
            "subnet4": [{"subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.70-192.0.2.79"}]}],
        }
    }  # fmt: skip
    (folder / "kea.json").write_text(json.dumps(kea))
    servers = {
        "dnsmasq": [
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--interface=office", "--bind-interfaces", "--port=0", "--user=root",
            "--dhcp-range=192.0.2.50,192.0.2.59,10m", f"--dhcp-leasefile={folder}/dnsmasq.leases",
        ],
        "dhcpd": ["dhcpd", "-4", "-f", "-cf", f"{folder}/dhcpd.conf", "-lf", f"{folder}/dhcpd.leases", "-pf", f"{folder}/dhcpd.pid", "office"],
        "kea": ["kea-dhcp4", "-c", f"{folder}/kea.json"],
    }  # fmt: skip
    for name, command in servers.items():
        told[name] = lease(
            folder, name, far, command, {"KEA_LOCKFILE_DIR": "/run/kea", "KEA_PIDFILE_DIR": "/run/kea", "KEA_LOGGER_DESTINATION": "stdout"}
        )
    page = http.server.ThreadingHTTPServer(("192.0.2.20", 80), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    scripts = "http-title,http-server-header"
    nmap = ("nmap", "-n", "-sV", "--version-intensity", "0", "-p", "80,443", "--script", scripts)
    masscan = (
        "masscan",
        "192.0.2.20",
        "-p80,443",
        "-e",
        "office",
        "--adapter-ip",
        "192.0.2.200",
        "--router-mac",
        CAMERA,
        "--rate",
        "50",
        "--wait",
        "1",
    )
    commands = {
        "nmap": (*nmap, "-oX", f"{folder}/nmap.xml", "192.0.2.20-21"),
        "masscan": (*masscan, "-oJ", f"{folder}/masscan.json"),
        "masscan-nd": (*masscan, "--adapter-ip", "192.0.2.201", "-oD", f"{folder}/masscan.ndjson"),
    }
    with ThreadPoolExecutor(3) as pool:
        for name, done in zip(commands, pool.map(lambda words: run(*far, *words, check=False), commands.values()), strict=True):
            told[name] = done.stdout[-400:] + done.stderr[-400:]
    for name, command in (("ip-neigh", ("ip", "neigh")), ("proc-arp", ("cat", "/proc/net/arp"))):
        (folder / f"{name}.txt").write_text(run(*far, *command).stdout)
    time.sleep(0.5)
    capture.terminate()
    capture.wait(60)
    page.shutdown()
    print(json.dumps(told))


main(Path(sys.argv[1]))
