"""Scenario files: what stands on a virtual estate, what each device answers, and what is true of it."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

import msgspec

from netcam.catalog.text import nearest, read, typed
from netcam.errors import ContentError, shown
from netcam.model import KINDS

FOLDER = Path(__file__).resolve().parent / "scenarios"
SENSOR_HOST = 2
"""Last part of the sensor's own address."""
SENSOR_MAC = "02:00:5e:00:53:02"
ROUTER_HOST = 1


class Truth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device really is. A slot that it does not tell on the network is left out."""

    kind: str
    is_camera: bool
    brand: str | None = None
    maker: str | None = None
    model: str | None = None
    firmware: str | None = None
    tells: bool = True
    """False: the device answers nothing above the link layer, so nobody can name it."""


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer of a web server."""

    status: int = 200
    body: str = ""
    type: str = "text/html"
    headers: dict[str, str] = {}


class Web(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A web server: its Server header, what `/` answers, further paths, and a certificate subject where it speaks TLS."""

    port: int = 80
    server: str = ""
    title: str = ""
    realm: str = ""
    status: int = 200
    body: str = ""
    headers: dict[str, str] = {}
    pages: dict[str, Page] = {}
    favicon: str = ""
    """Hex of the icon's bytes."""
    certificate: str = ""
    """Subject as `CN=..,O=..`: the port speaks TLS 1.0 to 1.2 with a SHA-1 signed RSA 1024 certificate of that subject."""
    issuer: str = ""
    tls: str = "1.2"
    """The newest TLS version it speaks; the oldest is 1.0."""


class Rtsp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An RTSP server that wants a login for DESCRIBE."""

    port: int = 554
    server: str = ""
    realm: str = ""
    public: str = "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY"


class Onvif(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """ONVIF: discovery answer, pre-login operations, and device information where the device gives it away."""

    port: int = 80
    scopes: list[str] = []
    namespaces: dict[str, str] = {}
    information: dict[str, str] = {}
    types: str = "dn:NetworkVideoTransmitter tds:Device"
    path: str = "/onvif/device_service"


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One DNS-SD service instance."""

    type: str
    name: str
    port: int = 80
    txt: dict[str, str] = {}


class Mdns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device says by mDNS."""

    host: str
    services: list[Service] = []


class Ssdp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SSDP answer and UPnP description."""

    server: str
    st: str = "upnp:rootdevice"
    description: dict[str, str] = {}
    port: int = 49152


class Greeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A TCP service that speaks first."""

    port: int
    text: str


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device. `outside` ones stand behind the router's namespace, so that packets to them cross the wire."""

    name: str
    host: int
    mac: str
    truth: Truth
    sources: list[str]
    outside: bool = False
    traffic: str | None = None
    web: list[Web] = []
    rtsp: list[Rtsp] = []
    onvif: Onvif | None = None
    sadp: dict[str, str] = {}
    dhip: dict[str, str] = {}
    mdns: Mdns | None = None
    ssdp: Ssdp | None = None
    greetings: list[Greeting] = []
    tripwire: bool = False
    """Ports 9100-9107 are open, and any connect to them is told."""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole estate. One with a `base` repeats that scenario's cameras until there are `count` of them, each with its own MAC."""

    title: str
    network: str
    devices: list[Device] = []
    base: str = ""
    count: int = 0
    path: str = ""

    def net(self) -> IPv4Network:
        """The estate's network."""
        made = ip_network(self.network)
        assert isinstance(made, IPv4Network)
        return made

    def address(self, device: Device) -> str:
        """A device's address."""
        return str(self.net().network_address + device.host)

    def truth(self) -> list[dict[str, Any]]:
        """What is true of each device, in order of address."""
        return [
            {"address": self.address(d), "mac": d.mac, "name": d.name, "traffic": d.traffic}
            | {name: getattr(d.truth, name) for name in Truth.__struct_fields__}
            for d in sorted(self.devices, key=lambda d: d.host)
        ]


def names() -> list[str]:
    """The scenarios that come with netcam."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def repeated(scenario: Scenario, where: str) -> Scenario:
    """The scenario with its base's devices outside, and its cameras again and again. Raises ContentError where they do not fit."""
    base = load(scenario.base)
    devices = [d for d in base.devices if d.outside]
    templates = [d for d in base.devices if not d.outside and d.truth.is_camera and d.truth.tells]
    taken = {d.host for d in devices} | {SENSOR_HOST}
    free = (host for host in range(3, scenario.net().num_addresses - 1) if host not in taken)
    for n in range(scenario.count):
        host = next(free, None)
        if host is None:
            raise ContentError(where, f"{scenario.count} devices do not fit into {scenario.network}", "give a larger network")
        one = templates[n % len(templates)]
        mac = f"{one.mac[:8]}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"
        devices.append(msgspec.structs.replace(one, name=f"{one.name} {n}", host=host, mac=mac, traffic=None))
    return msgspec.structs.replace(scenario, devices=devices)


def load(name_or_path: str) -> Scenario:
    """Read a scenario by name or from a file. Raises ContentError with file, line and cure."""
    path = FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        path = Path(name_or_path)
        if not path.is_file():
            raise ContentError("scenario", f"no scenario {shown(name_or_path)}", nearest(name_or_path, names()))
    document = read(path)
    scenario = typed(document, Scenario)
    if scenario.base:
        scenario = repeated(scenario, document.at("count"))
    hosts: dict[int, str] = {}
    macs: dict[str, str] = {}
    for number, device in enumerate(scenario.devices):
        where = document.at("devices", number)
        if device.truth.kind not in KINDS:
            raise ContentError(where, f"no kind {shown(device.truth.kind)}", nearest(device.truth.kind, KINDS))
        if device.host in hosts or device.host == SENSOR_HOST or not 0 < device.host < scenario.net().num_addresses - 1:
            raise ContentError(
                where, f"host {device.host} is taken or outside {scenario.network}", "give each device a host number of its own"
            )
        if device.mac in macs or len(device.mac) != 17 or device.mac != device.mac.lower():
            raise ContentError(where, f"mac {shown(device.mac)} is taken or not six lower-case pairs", "give each device a MAC of its own")
        if not device.sources:
            raise ContentError(where, "no source for what the device answers", "say where each banner was seen, or that it is composed")
        hosts[device.host] = macs[device.mac] = device.name
    return msgspec.structs.replace(scenario, path=str(path))
