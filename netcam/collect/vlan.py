"""VLANs of a trunk that the operator asks for: what `--vlan` says, and the helper processes that put the tags on and off."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface

from netcam.errors import ConfigError, PrivilegeError, shown

MAX_VLAN = 4094
"""IEEE 802.1Q table 9-2: 0 and 4095 are reserved."""
MAX_NAME = 15
"""Characters of an interface's name (linux/if.h, IFNAMSIZ)."""
PATIENCE = 5.0
"""Seconds a helper has to end when its input ends; its device goes with it."""


@dataclass(frozen=True, slots=True)
class Vlan:
    """One VLAN of a trunk, with the addresses that this machine has there for the run."""

    trunk: str
    number: int
    addresses: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the interface that stands for it during the run."""
        tail = f".{self.number}"
        return self.trunk[: MAX_NAME - len(tail)] + tail


def parse(text: str) -> Vlan:
    """`eth0:20=10.1.20.5/24` (several addresses after commas). Raises ConfigError."""
    cure = "write --vlan TRUNK:NUMBER=ADDRESS/PREFIX with a free address of that VLAN, as in eth0:20=10.1.20.5/24"
    port, _, given = text.partition("=")
    trunk, _, number = port.rpartition(":")
    if not trunk or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= MAX_VLAN:
        raise ConfigError("--vlan", f"{shown(text)} names no trunk and VLAN from 1 to {MAX_VLAN}", cure)
    addresses = []
    for one in given.split(","):
        try:
            made = ip_interface(one)
        except ValueError:
            raise ConfigError("--vlan", f"{shown(one)} is not an address with its prefix", cure) from None
        if "/" not in one or made.network.num_addresses < 4:
            raise ConfigError("--vlan", f"{shown(one)} has no prefix of a network", cure)
        addresses.append(str(made))
    return Vlan(trunk, int(number), tuple(addresses))


@contextlib.contextmanager
def joined(wanted: Sequence[Vlan], *, silent: bool = False) -> Iterator[None]:
    """Have an interface for each VLAN while the context lasts; `silent`: for a dry run, no frame passes.

    Raises PrivilegeError without CAP_NET_ADMIN and CAP_NET_RAW, ConfigError where the trunk is not there.
    """
    running: list[subprocess.Popen[str]] = []
    try:
        for one in wanted:
            helper = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "netcam.collect.trunk", one.trunk, str(one.number), one.name, *one.addresses],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            running.append(helper)
            assert helper.stdin is not None
            assert helper.stdout is not None
            if helper.stdout.readline().strip() != "ready":
                if helper.wait() == 3:
                    raise PrivilegeError(
                        f"--vlan {one.name}", "tagged frames need CAP_NET_ADMIN and CAP_NET_RAW", "run as root, or give the interface of a VLAN set up by the system"
                    )  # fmt: skip
                raise ConfigError(
                    "--vlan", f"{shown(one.trunk)} cannot be joined to VLAN {one.number}", "name an interface that is up, and load the kernel module tun"
                )  # fmt: skip
            if not silent:
                helper.stdin.write("go\n")
                helper.stdin.flush()
        yield
    finally:
        for helper in running:
            with contextlib.suppress(OSError):
                helper.stdin.close()  # type: ignore[union-attr]
        for helper in running:
            try:
                helper.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                helper.kill()
                helper.wait()
            if helper.stdout is not None:
                helper.stdout.close()
