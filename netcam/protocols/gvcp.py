"""GigE Vision discovery (GVCP, UDP 3956) of machine-vision cameras."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

PORT = 3956

_SIZE = 0xF8


def search(number: int = 1) -> bytes:
    """The discovery command with a request number other than zero; acknowledged, by broadcast too."""
    return bytes.fromhex("421100020000") + (number & 0xFFFF or 1).to_bytes(2, "big")


def questions(_nonce: str) -> Iterator[Question]:
    """The command to broadcast and to `{unicast}`."""
    for host in ("255.255.255.255", "{unicast}"):
        yield Question(search(), host, PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of a discovery acknowledgement. Raises DecodeError for anything else."""
    if len(data) < 8 + _SIZE or data[:6] != bytes.fromhex("0000000300f8"):
        raise DecodeError("no GVCP discovery acknowledgement")
    body = data[8 : 8 + _SIZE]
    facts = decoding.Facts()
    facts.add("gvcp.mac", layout.mac(body[0x0A:0x10]))
    facts.add("gvcp.ip", layout.ipv4(body[0x24:0x28]))
    for name, at, size in (("manufacturer", 0x48, 32), ("model", 0x68, 32), ("version", 0x88, 32), ("info", 0xA8, 48)):
        facts.add(f"gvcp.{name}", layout.string(body[at : at + size]))
    facts.add("gvcp.serial", layout.string(body[0xD8:0xE8]))
    facts.add("gvcp.name", layout.string(body[0xE8:0xF8]))
    found = facts.done()
    if not found:
        raise DecodeError("a GVCP acknowledgement that names no device")
    return found


DISCOVERY = Discovery(
    name="gvcp",
    questions=questions,
    parse=parse,
    fields=frozenset({"gvcp."}),
    sends="the discovery command (0x0002) to UDP 3956, by broadcast and single addresses",
    profiles=frozenset({"standard", "deep"}),
    source="GigE Vision control protocol as Aravis implements it",
    mac_fields=("gvcp.mac",),
)
