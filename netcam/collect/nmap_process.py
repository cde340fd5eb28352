"""A process that lets nmap look at one device: `python -m netcam.collect.nmap_process`, the order as JSON on standard input.

python-nmap (GPL-3.0) is imported here alone. It prints nmap's XML and exits with 0; 3 where python-nmap or nmap is not installed,
4 where nmap failed. The gate starts it, with an order that it has checked.
"""

from __future__ import annotations

import json
import sys

ARGUMENTS = (
    "-sT -sV --version-intensity 2 -Pn -n --unprivileged --max-parallelism 1 --max-retries 1 "
    "--scan-delay {delay}ms --max-rate {rate} --host-timeout {seconds}s"
)
"""Whole TCP connects, the probes for versions of rarity 2 at most, one at a time, no name looked up, no raw packet."""


def main() -> int:
    """Run."""
    try:
        import nmap
    except ImportError:
        return 3
    order = json.loads(sys.stdin.read())
    arguments = ARGUMENTS.format(delay=int(order["delay"]), rate=int(order["rate"]), seconds=int(order["seconds"]))
    if ":" in order["address"]:
        arguments += " -6"
    try:
        scanner = nmap.PortScanner()
    except nmap.PortScannerError:
        return 3
    try:
        scanner.scan(hosts=order["address"], ports=",".join(str(int(p)) for p in order["ports"]), arguments=arguments)
    except nmap.PortScannerError:
        return 4
    said = scanner.get_nmap_last_output()
    sys.stdout.buffer.write(said if isinstance(said, bytes) else said.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
