"""The estate's namespaces: a bridge here, devices on macvlans in a second namespace, router, recorder and the outside in a third."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path
from types import TracebackType

from netcam.errors import ConfigError, PrivilegeError, shown
from netcam.lab.capture import Recorder
from netcam.lab.scenario import ROUTER_HOST, SENSOR_HOST, SENSOR_MAC, Scenario, members, parents

BRIDGE = "br-lab"
_USER = ["--user", "--map-root-user"]
MAX_START = 20
"""Seconds until all links of an estate must carry frames."""
_SIOCGIFFLAGS, _IFF_RUNNING = 0x8913, 0x40
"""linux/sockios.h, linux/if.h."""
_SPACES = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]


def run_inside(argv: list[str]) -> int:
    """Run `netcam argv` inside fresh namespaces (no root needed where user namespaces work); returns its exit code.

    Raises PrivilegeError where the kernel allows neither. Everything inside dies with this process.
    """
    unshare = shutil.which("unshare", path=os.environ.get("PATH", "") + ":/usr/bin:/bin")
    if unshare is None or shutil.which("ip", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
        raise PrivilegeError("lab", "the commands unshare and ip are needed", "apt-get install util-linux iproute2")
    said = ""
    for way in (_USER, []):  # an account without user namespaces may still be root
        tried = subprocess.run([unshare, *way, *_SPACES, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return subprocess.run([unshare, *way, *_SPACES, sys.executable, "-m", "netcam", *argv], check=False).returncode
        said = tried.stderr.decode(errors="replace").strip()
    if os.geteuid() == 0:
        cure = "leave the chroot, or give the container CAP_SYS_ADMIN and an unmasked /proc (docker run --privileged)"
    else:
        cure = (
            "sysctl -w kernel.unprivileged_userns_clone=1 (Debian) or kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), or be root"
        )
    raise PrivilegeError("lab", f"this machine allows no network namespaces: {shown(said)}", cure)


def ip(batch: str) -> None:
    """Run lines of `ip -batch`. Raises PrivilegeError with the first complaint."""
    tool = shutil.which("ip", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or "ip"
    done = subprocess.run([tool, "-batch", "-"], input=batch.encode(), capture_output=True, check=False)
    if done.returncode:
        first = (done.stderr.decode(errors="replace").splitlines() or ["no reason given"])[0]
        raise PrivilegeError(
            "lab", f"the namespace could not be set up: {first}", "load the kernel modules bridge, veth and macvlan, or run as root"
        )


def until_running(links: Iterable[str]) -> None:
    """Wait until the kernel says that links carry frames: on a busy machine it tells their queues so a second after both ends are up.

    Raises ConfigError where one does not within MAX_START.
    """
    end = time.monotonic() + MAX_START
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for link in links:
            while (
                not struct.unpack("16xH", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sH", link.encode(), 0)))[0] & _IFF_RUNNING
            ):
                if time.monotonic() > end:
                    raise ConfigError(
                        "lab", f"the virtual link {link!r} did not come up in {MAX_START} s", "try again on a less busy machine"
                    )
                time.sleep(0.02)


class Estate:
    """A running estate. Use as a context manager, inside the sensor's namespace."""

    def __init__(self, scenario: Scenario, *, traffic: bool, pcap: Path | None) -> None:
        self.scenario, self.traffic, self.pcap = scenario, traffic, pcap
        self.interface, self.network = BRIDGE, scenario.net()
        self._children: list[subprocess.Popen[str]] = []
        self._tripped: list[str] = []
        self._recorder: Recorder | None = None

    def __enter__(self) -> Estate:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def tripped(self) -> list[str]:
        """Connects to ports that must never be touched, as `address port`."""
        return list(self._tripped)

    def _start(self) -> None:
        net, scenario = self.network, self.scenario
        own = net.network_address + SENSOR_HOST
        lines = [
            f"link set lo up\nlink add {BRIDGE} address {SENSOR_MAC} type bridge forward_delay 0\naddr add {own}/{net.prefixlen} dev {BRIDGE}"
        ]
        if (six := scenario.net6()) is not None:
            lines.append(f"addr add {six.network_address + SENSOR_HOST}/{six.prefixlen} dev {BRIDGE} nodad")
        ip("\n".join([*lines, f"link set {BRIDGE} up"]) + "\n")
        parts = ["devices", "outside", *(s.name for s in scenario.segments)]
        children = {part: self._world(part) for part in parts}
        ports = 0
        for part, child in children.items():
            segment = next((s for s in scenario.segments if s.name == part), None)
            if segment is not None and segment.routed:
                number = [s.name for s in scenario.segments if s.routed].index(part)
                ip(f"link add r{number} netns {children['outside'].pid} type veth peer name eth0 netns {child.pid}\n")
                ip(f"route add {segment.net()} via {net.network_address + ROUTER_HOST}\n")
                continue
            ends = ["trunk"] if segment is not None else parents(len(members(scenario, part)))
            for end in ends:
                ip(
                    f"link add lab{ports} type veth peer name {end} netns {child.pid}\nlink set lab{ports} master {BRIDGE}\nlink set lab{ports} up\n"
                )
                ports += 1
        for child in children.values():
            self._say(child, "go")
        if self.pcap is not None:
            self._recorder = Recorder(BRIDGE, self.pcap)
        until_running([f"lab{n}" for n in range(ports)])
        for child in self._children:
            self._expect(child, "ready")
            threading.Thread(target=self._listen, args=(child,), daemon=True).start()
        if self.traffic:
            self.talk()

    def talk(self) -> None:
        """Let the devices begin to send on their own."""
        for child in self._children:
            self._say(child, "traffic")

    def _world(self, part: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-m", "netcam.lab.world", self.scenario.path, part],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._children.append(child)
        self._expect(child, "here")
        return child

    @staticmethod
    def _say(child: subprocess.Popen[str], word: str) -> None:
        assert child.stdin is not None
        child.stdin.write(word + "\n")
        child.stdin.flush()

    @staticmethod
    def _expect(child: subprocess.Popen[str], word: str) -> None:
        assert child.stdout is not None
        told = child.stdout.readline().strip()
        if told != word:
            raise ConfigError("lab", f"the virtual devices did not start: {told or 'they ended'}", "see the message above")

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            words = line.split()
            if words[:1] == ["tripped"]:
                self._tripped.append(" ".join(words[1:3]))

    def stop(self) -> None:
        """End all devices and remove the bridge."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
        for child in self._children:
            if child.stdin is not None:
                child.stdin.close()
        end = time.monotonic() + 3
        for child in self._children:
            try:
                child.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
        subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True, check=False)


def networks(scenario: Scenario) -> list[IPv4Network]:
    """The networks that count as inside the estate."""
    return [scenario.net(), *(s.net() for s in scenario.segments)]
