"""What an observation says of which device it is: serial numbers, identifiers, certificates, MACs, each as a mark of a class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum

from netcam.model import Observation


class Class(IntEnum):
    """How far a mark ties sightings together, strongest first."""

    OPERATOR = 0
    """The operator joined devices."""
    KEY = 1
    """The grouping key of the source."""
    SERIAL = 2
    """The maker's serial number: stays with the device when its network card is replaced."""
    UUID = 3
    """An identifier of ONVIF or UPnP: some devices make a new one, some whole batches share one."""
    CERTIFICATE = 4
    """Issuer and serial number of the certificate: some batches share one."""
    MAC = 5
    """An interface, which may be moved to another device."""
    ADDRESS = 6
    """Only where nothing else is known: addresses are lent."""


Mark = tuple[Class, str]

SERIALS = frozenset(
    {"onvif.serial", "upnp.serial", "sadp.DeviceSN", "dhip.SerialNo", "dahua5050.serial", "panasonic.serial", "gvcp.serial",
     "bosch.serialNumber", "tvt.serial", "xm.SerialNo", "xm.SN", "axis.SerialNumber"}
)  # fmt: skip
"""Fields that hold the serial number of the device itself. What a person wrote in a list (`list.serial`) is not among them."""
MACS = frozenset(
    {"mac", "sadp.MAC", "dhip.mac", "dahua5050.mac", "onvif.scope.mac", "onvif.scope.macaddress", "mdns.txt.mac", "mdns.txt.macaddress",
     "tvt.mac", "hanwha.mac", "vivotek.mac", "foscam.mac", "panasonic.mac", "bosch.mac", "ubiquiti.mac", "reolink.mac", "gvcp.mac",
     "xm.MAC", "tplink.mac"}
)  # fmt: skip
"""Fields in which a device tells its MAC: known across a router too."""
UUIDS = frozenset({"onvif.uuid", "ssdp.usn", "reolink.identifier", "miio.device_id", "bosch.deviceGUID"})
MODELS = frozenset(
    {"onvif.model", "onvif.scope.hardware", "sadp.DeviceDescription", "dhip.DeviceType", "upnp.model_name", "dahua5050.model"}
)
"""Fields whose value does not change while the device stays the same one."""

MIN_SERIAL = 6
"""Characters of a serial number that can tell devices apart: shorter ones are counters and defaults."""
MIN_CERTIFICATE = 12
"""Hex digits of a certificate's serial number that was drawn at random: 48 bits; shorter ones are counters."""
MAX_MARK = 128
"""Characters of a mark; a longer value is no serial number."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MAC = re.compile(r"[0-9a-f]{12}")
_NOT_HEX = re.compile(r"[^0-9a-f]")
_ROUTER_MACS = ("00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:0c:07:ac:", "00:00:0c:9f:f")
"""VRRP (RFC 5798) and HSRP virtual routers: many addresses stand behind one of these."""


def mac(text: str) -> str:
    """A MAC that can name an interface, lower case with colons; empty where it is none, a group's, a router's or a blank."""
    digits = _NOT_HEX.sub("", text.lower())
    if len(text) > 17 or not _MAC.fullmatch(digits) or len(set(digits)) == 1 or int(digits[1], 16) & 1:
        return ""
    told = ":".join(digits[n : n + 2] for n in range(0, 12, 2))
    return "" if told.startswith(_ROUTER_MACS) else told


def is_local(address: str) -> bool:
    """Whether a MAC was made up by its device (IEEE 802: the second bit of the first octet), as phones do."""
    return len(address) == 17 and bool(int(address[1], 16) & 2)


def serial(text: str) -> str:
    """A serial number in one writing; empty where it cannot tell devices apart."""
    told = text.strip().casefold()
    bare = re.sub(r"[^0-9a-z]", "", told)
    if not len(bare) >= MIN_SERIAL or len(told) > MAX_MARK or not any(c.isdigit() for c in bare) or len(set(bare)) < 3:
        return ""
    return "" if bare in "0123456789abcdef" or bare in "1234567890" else told


def uuid(text: str) -> str:
    """The UUID in a text; empty where there is none or it is blank."""
    found = _UUID.search(text.lower()[:MAX_MARK])
    return found[0] if found and len(set(found[0].replace("-", ""))) > 2 else ""


def of(seen: Observation) -> Mark | None:
    """The mark that an observation's value is, or None; its own MAC and key are the sighting's business."""
    field = seen.field
    if field in SERIALS:
        told = serial(seen.value)
        return (Class.SERIAL, told) if told else None
    if field in MACS:
        told = mac(seen.value)
        return (Class.MAC, told) if told else None
    if field in UUIDS:
        told = uuid(seen.value)
        return (Class.UUID, told) if told else None
    if field == "tls.serial":
        told = seen.value.lower()
        return (Class.CERTIFICATE, told) if MIN_CERTIFICATE <= len(told) <= MAX_MARK and len(set(told)) > 2 else None
    return None


NAMES: Mapping[Class, str] = {one: one.name.lower() for one in Class}


def written(mark: Mark) -> str:
    """A mark as the operator reads and writes it: `mac:44:19:b6:00:00:01`."""
    return f"{NAMES[mark[0]]}:{mark[1]}"


def read(text: str) -> Mark | None:
    """The mark that `written` made, or None."""
    name, colon, value = text.partition(":")
    found = next((one for one, known in NAMES.items() if known == name), None)
    return (found, value) if found is not None and colon and value and len(value) <= 4 * MAX_MARK else None
