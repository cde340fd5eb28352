"""Scenario files: what stands on a virtual estate, what each device answers, and what is true of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
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
PER_PARENT = 200
"""Macvlans of one parent: a broadcast is copied to all at once, and the kernel's backlog of 1,000 frames drops what more would get."""


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


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A maker's own search: the UDP port, how the question begins, and what is answered (see `netcam.lab.searches`)."""

    port: int
    asked: str
    """Hex of the question's first bytes; `xx` is any byte."""
    answer: list[str]
    to: str = "sender"
    """`sender`: to the address and port that asked; `asker`: to its address, port `reply`; `broadcast`, or a group: at port `reply`."""
    reply: int = 0
    groups: list[str] = []
    """Multicast groups in which the question is heard; none: by broadcast."""


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further network of the estate: a VLAN that comes tagged to the sensor's port, or one behind the router."""

    name: str
    network: str
    vlan: int = 0
    routed: bool = False

    def net(self) -> IPv4Network:
        """The segment's network."""
        return _four(self.network)


class Repeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`count` more cameras: those of the base scenario again and again, each with an address and a MAC of its own."""

    count: int
    segment: str = ""
    families: str = "4"
    """`4`, `6` or `46`: which of IPv4 and IPv6 they have."""
    wrong: str = ""
    """A network that is not the segment's: their addresses are of it, as those of cameras never set up."""


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device. `outside` ones stand behind the router's namespace, so that packets to them cross the wire."""

    name: str
    host: int
    mac: str
    truth: Truth
    sources: list[str]
    outside: bool = False
    segment: str = ""
    """Name of the segment it stands on; empty: the estate's own network."""
    families: str = "4"
    wrong: str = ""
    """Its address, where that is not of its segment's network."""
    traffic: str | None = None
    web: list[Web] = []
    rtsp: list[Rtsp] = []
    onvif: Onvif | None = None
    sadp: dict[str, str] = {}
    dhip: dict[str, str] = {}
    mdns: Mdns | None = None
    ssdp: Ssdp | None = None
    greetings: list[Greeting] = []
    searches: list[Search] = []
    sadp_link: dict[str, str] = {}
    """`serial`, `software`, `dsp`, `boot` of an answer to SADP on the link (EtherType 0x8033)."""
    tripwire: bool = False
    """Ports 9100-9107 are open, and any connect to them is told."""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole estate. One with a `base` repeats that scenario's cameras as `repeat` says; its other devices are left out."""

    title: str
    network: str
    network6: str = ""
    """IPv6 prefix (/64) of the estate's own network."""
    devices: list[Device] = []
    segments: list[Segment] = []
    base: str = ""
    repeat: list[Repeat] = []
    path: str = ""

    def net(self, segment: str = "") -> IPv4Network:
        """The network of a segment, or (empty) the estate's own."""
        return next(s.net() for s in self.segments if s.name == segment) if segment else _four(self.network)

    def net6(self) -> IPv6Network | None:
        """The IPv6 prefix of the estate's own network."""
        made = ip_network(self.network6) if self.network6 else None
        return made if isinstance(made, IPv6Network) else None

    def address(self, device: Device) -> str:
        """A device's address: of its segment, of the wrong range, or IPv6 where it has no other."""
        if device.families == "6":
            return self.address6(device)
        return device.wrong or str(self.net(device.segment).network_address + device.host)

    def address6(self, device: Device) -> str:
        """A device's IPv6 address, or nothing."""
        net = self.net6()
        return str(net.network_address + device.host) if net is not None and "6" in device.families else ""

    def truth(self) -> list[dict[str, Any]]:
        """What is true of each device, in order of address."""
        return [
            {"address": self.address(d), "mac": d.mac, "name": d.name, "traffic": d.traffic}
            | {name: getattr(d.truth, name) for name in Truth.__struct_fields__}
            for d in sorted(self.devices, key=lambda d: (d.segment, d.families == "6", bool(d.wrong), d.host))
        ]


def _four(network: str) -> IPv4Network:
    made = ip_network(network)
    assert isinstance(made, IPv4Network)
    return made


def names() -> list[str]:
    """The scenarios that come with netcam."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def repeated(scenario: Scenario, where: str) -> Scenario:
    """The scenario with its base's devices outside and all cameras that its `repeat` asks for. Raises ContentError where they do not fit."""
    base = load(scenario.base)
    devices = [d for d in base.devices if d.outside] + list(scenario.devices)
    templates = [d for d in base.devices if not d.outside and d.truth.is_camera and d.truth.tells]
    number = 0
    for group in scenario.repeat:
        taken = {d.host for d in devices if d.segment == group.segment} | {SENSOR_HOST, ROUTER_HOST}
        free = (host for host in range(3, scenario.net(group.segment).num_addresses - 1) if host not in taken)
        stray: Iterator[object] = _four(group.wrong).hosts() if group.wrong else iter(())
        for _ in range(group.count):
            host = next(free, None)
            if host is None:
                raise ContentError(
                    where, f"{group.count} devices do not fit into {group.segment or scenario.network}", "give a larger network"
                )
            # on the wrong range only those are told to anybody that answer a question to a group
            some = [t for t in templates if t.sadp or t.dhip or t.onvif or t.mdns or t.ssdp] if group.wrong else templates
            one = some[number % len(some)]
            mac = f"{one.mac[:8]}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
            wrong = str(next(stray)) if group.wrong else ""
            own = _own(one, mac, number)
            devices.append(
                msgspec.structs.replace(own, host=host, traffic=None, segment=group.segment, families=group.families, wrong=wrong)
            )
            number += 1
    return msgspec.structs.replace(scenario, devices=devices)


def _own(template: Device, mac: str, number: int) -> Device:
    """The template with a name, MAC and serial number of its own, wherever its answers name them."""
    said = msgspec.json.encode(template).decode()
    for form in (str, str.upper):
        for mark in (":", "-", ""):
            said = said.replace(form(template.mac.replace(":", mark)), form(mac.replace(":", mark)))
    serials = r'("(?:DeviceSN|SerialNo|SerialNumber|serialNumber)":"[^"]*?)\d{1,5}"'
    said = re.sub(serials, lambda found: f'{found[1]}{number:05d}"', said)
    return msgspec.structs.replace(msgspec.json.decode(said, type=Device), name=f"{template.name} {number}", mac=mac)


def load(name_or_path: str) -> Scenario:
    """Read a scenario by name or from a file. Raises ContentError with file, line and cure."""
    path = FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        path = Path(name_or_path)
        if not path.is_file():
            raise ContentError("scenario", f"no scenario {shown(name_or_path)}", nearest(name_or_path, names()))
    document = read(path)
    scenario = typed(document, Scenario)
    segments = {"": None} | {s.name: s for s in scenario.segments}
    if scenario.base:
        scenario = repeated(scenario, document.at("repeat"))
    hosts: dict[tuple[str, int], str] = {}
    macs: dict[str, str] = {}
    for number, device in enumerate(scenario.devices):
        where = document.at("devices", number)
        if device.truth.kind not in KINDS:
            raise ContentError(where, f"no kind {shown(device.truth.kind)}", nearest(device.truth.kind, KINDS))
        if device.segment not in segments:
            raise ContentError(where, f"no segment {shown(device.segment)}", nearest(device.segment, segments))
        net, place = scenario.net(device.segment), (device.segment, device.host)
        if place in hosts or device.host == SENSOR_HOST or not 0 < device.host < net.num_addresses - 1:
            raise ContentError(where, f"host {device.host} is taken or outside {net}", "give each device a host number of its own")
        if device.wrong and ip_address(device.wrong) in net:
            raise ContentError(where, f"wrong {device.wrong} lies in {net}", "leave it out: it is the right range")
        if device.mac in macs or len(device.mac) != 17 or device.mac != device.mac.lower():
            raise ContentError(where, f"mac {shown(device.mac)} is taken or not six lower-case pairs", "give each device a MAC of its own")
        if not device.sources:
            raise ContentError(where, "no source for what the device answers", "say where each banner was seen, or that it is composed")
        hosts[place] = macs[device.mac] = device.name
    return msgspec.structs.replace(scenario, path=str(path))


def members(scenario: Scenario, part: str) -> list[Device]:
    """The devices of one namespace: `devices` on the estate's own link, `outside`, or those of a segment."""
    if part == "outside":
        return [d for d in scenario.devices if d.outside]
    return [d for d in scenario.devices if not d.outside and d.segment == ("" if part == "devices" else part)]


def parents(devices: int) -> list[str]:
    """The interfaces that the macvlans of so many devices stand on."""
    return [f"eth{n}" for n in range(max(1, -(-devices // PER_PARENT)))]
