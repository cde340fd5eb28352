"""Sweeps a mixed estate inside its namespaces, with loss on every port where that is asked for, and compares the devices found with the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from netcam.lab.scenario import SENSOR_HOST, Scenario, load

LOSS = """
for port in $(ip -o link | grep -o '^[0-9]*: lab[0-9]*' | cut -d ' ' -f 2); do
  nft add table netdev $port
  for hook in ingress egress; do
    nft "add chain netdev $port $hook { type filter hook $hook device \\"$port\\" priority 0; }"
    nft "add rule netdev $port $hook numgen random mod 10 0 counter drop"
  done
done
"""
"""Drops every tenth packet at random, in both directions, on every port of the bridge: nftables, since netem may be missing."""


@dataclass(slots=True)
class Swept:
    """What came of it."""

    truth: list[dict[str, Any]]
    devices: list[dict[str, Any]]
    scan: dict[str, Any]
    dropped: list[int]
    stderr: str

    def of(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """The devices that have the MAC or the address of one of the truth."""
        return [d for d in self.devices if wanted["mac"] in d["macs"] or wanted["address"] in d["addresses"]]

    def missing(self) -> list[str]:
        return [t["address"] for t in self.truth if not self.of(t)]

    def doubles(self) -> list[str]:
        return [t["address"] for t in self.truth if len(self.of(t)) > 1]

    def merged(self) -> list[str]:
        """Devices that are several of the truth."""
        return [d["device"] for d in self.devices if sum(d in self.of(t) for t in self.truth) > 1]

    def strange(self, allowed: set[str]) -> list[str]:
        """Devices that are none of the truth; the router's further legs are `allowed`."""
        known = [d for t in self.truth for d in self.of(t)]
        return [d["device"] for d in self.devices if d not in known and not allowed & set(d["addresses"])]


def legs(scenario: Scenario) -> set[str]:
    """The router's addresses in the routed networks."""
    return {str(s.net().network_address + 1) for s in scenario.segments if s.routed}


def sweep(name: str, folder: Path, *, loss: bool, timeout: float) -> Swept:
    """Run one sweep at the standard profile. Raises CalledProcessError with what was said."""
    scenario = load(name)
    networks = [scenario.network, scenario.network6, *(s.network for s in scenario.segments)]
    (folder / "scope.toml").write_text(
        f'id = "mixed estate"\nauthoriser = "the test"\nnetworks = {json.dumps([n for n in networks if n])}\n'
    )
    vlans = [f"--vlan br-lab:{s.vlan}={s.net().network_address + SENSOR_HOST}/{s.net().prefixlen}" for s in scenario.segments if s.vlan]
    script = (
        f"set -e\n{LOSS if loss else ''}\n$NETCAM scan --profile standard --scope scope.toml {' '.join(vlans)} --store s.sqlite --format jsonl"
        f" > out.jsonl\n{'nft list ruleset > dropped.txt' if loss else ''}\n"
    )
    env = {
        **os.environ, "NETCAM_HOME": str(folder), "NETCAM": f"{sys.executable} -m netcam", "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"
    }  # fmt: skip
    argv = [sys.executable, "-m", "netcam", "lab", "exec", "--scenario", name, "--no-traffic", "--", "sh", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder, env=env, timeout=timeout, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    records = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    drops = [line for line in (folder / "dropped.txt").read_text().splitlines() if "drop" in line] if loss else []
    return Swept(
        truth=scenario.truth(),
        devices=[r for r in records if r["type"] == "device"],
        scan=next(r for r in records if r["type"] == "scan"),
        dropped=[int(line.split("packets ")[1].split()[0]) for line in drops],
        stderr=done.stderr,
    )


def told(wanted: dict[str, Any]) -> list[str]:
    """The slots that a device tells where it stands: what only IPv4 protocols or TCP tell does not come from elsewhere."""
    far = ip_address(wanted["address"]).version == 6 or wanted["address"].startswith("192.168.")
    return ["maker"] if far else [s for s in ("brand", "maker", "model", "firmware") if wanted[s]]
