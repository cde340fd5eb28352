"""Bosch device search (UDP 1757, answers on 1758): twelve bytes, answered in binary or XML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout, markup
from netcam.protocols.commands import Discovery, Question

PORT = 1757
ANSWER_PORT = 1758

_MAGIC = bytes.fromhex("9939a427")
_KEPT = (
    "friendlyName", "unitName", "deviceGUID", "serialNumber", "physAddress", "unitIPAddress", "unitIPv6Address", "RCPPort", "HTTPPort",
    "HTTPSPort", "cameraFrontendID", "deviceCapabilities", "deviceTypeIDs",
)  # fmt: skip


def search(transaction: bytes) -> bytes:
    """The search with a transaction number of four bytes."""
    return _MAGIC + transaction[:4].ljust(4, b"\x00") + bytes.fromhex("ff0006de")


def questions(nonce: str) -> Iterator[Question]:
    """The search to broadcast; the answer comes to another port. Whether a single address answers is not known."""
    yield Question(search(bytes.fromhex(nonce[:8])), "255.255.255.255", PORT, listen_port=ANSWER_PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer of either form. Raises DecodeError for anything else, the search included."""
    facts = decoding.Facts()
    if data[:4] == _MAGIC and len(data) == 32:
        facts.add("bosch.mac", layout.mac(data[8:14]))
        facts.add("bosch.ip", layout.ipv4(data[0x10:0x14]))
    elif data.lstrip()[:1] == b"<":
        document = markup.read(data)
        device = document.root if document.lenient else document.root.first("device")
        if device is None or not (document.lenient or document.root.namespace.startswith("OEMExt")):
            raise DecodeError("XML that is no Bosch answer")
        if document.lenient and b"OEMExt" not in data:
            raise DecodeError("XML that is no Bosch answer")
        for name in _KEPT:
            facts.add(f"bosch.{name}", decoding.line(device.value(name), 255))
    found = facts.done()
    if not found:
        raise DecodeError("no Bosch answer")
    return found


DISCOVERY = Discovery(
    name="bosch",
    questions=questions,
    parse=parse,
    fields=frozenset({"bosch."}),
    sends="the search of 12 bytes to UDP 1757, by broadcast",
    source="a published client with its test data (UniversalScanner); there is no open specification",
    mac_fields=("bosch.mac", "bosch.physAddress"),
)
