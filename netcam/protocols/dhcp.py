"""DHCP as clients are heard to speak it (RFC 2131, RFC 2132): vendor class, host name, parameters asked for. Nothing is sent."""

from __future__ import annotations

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout

CLIENT_PORT, SERVER_PORT = 68, 67
MAX_OPTIONS = 128
"""Options of one message: real ones have under 20."""

FIELDS = frozenset({"dhcp.vendor_class", "dhcp.hostname", "dhcp.params", "dhcp.client_id", "mac"})
_MAGIC = bytes.fromhex("63825363")
_REQUEST = 1
_PAD, _END = 0, 255


def parse(data: bytes) -> list[Fact]:
    """Facts of a client's message; options split over several parts are joined (RFC 3396). Raises DecodeError for a server's."""
    if len(data) < 240 or data[236:240] != _MAGIC or data[0] != _REQUEST:
        raise DecodeError("no message of a DHCP client")
    options: dict[int, bytes] = {}
    at = 240
    for _ in range(MAX_OPTIONS):
        if at >= len(data) or data[at] == _END:
            break
        if data[at] == _PAD:
            at += 1
            continue
        size = layout.number(data, at + 1, 1)
        options[data[at]] = (options.get(data[at], b"") + layout.part(data, at + 2, size))[:1024]
        at += 2 + size
    facts = decoding.Facts()
    if data[1] == 1 and data[2] == 6:
        facts.add("mac", layout.mac(data[28:34]))
    facts.add("dhcp.vendor_class", decoding.line(decoding.decoded(options.get(60, b"")), 255))
    facts.add("dhcp.hostname", decoding.line(decoding.decoded(options.get(12, b"")), 255))
    facts.add("dhcp.params", ",".join(map(str, options.get(55, b"")[:255])))
    facts.add("dhcp.client_id", options.get(61, b"").hex())
    found = facts.done()
    if not found:
        raise DecodeError("a DHCP message that says nothing of the client")
    return found
