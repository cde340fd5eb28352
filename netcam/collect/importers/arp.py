"""ARP and neighbour tables as switches, routers and hosts print them: an address and a MAC in each line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netcam.collect.importers import source
from netcam.collect.importers.source import Importer, Problem, Record, Source
from netcam.model import Fact
from netcam.protocols import decoding

FORMS = {
    "Cisco IOS": r"Protocol +Address +Age \(min\) +Hardware Addr +Type",
    "Cisco NX-OS": r"Address +Age +MAC Address +(Physical )?Interface",
    "Arista EOS": r"Address +Age \(\w+\) +Hardware Addr +Interface",
    "Junos": r"MAC Address +Address +(Name +)?Interface",
    "ProCurve and ArubaOS-Switch": r"IP Address +MAC Address +Type +Port",
    "ArubaOS-CX": r"IPv4 Address +MAC +Port +Physical Port",
    "Comware and VRP": r"IP ADDRESS +MAC ADDRESS +(VLAN|EXPIRE)",
    "RouterOS": r"# +ADDRESS +MAC-ADDRESS +INTERFACE",
    "Linux /proc/net/arp": r"IP address +HW type +Flags +HW address",
    "Linux ip neigh": r"[0-9a-fA-F.:]+ dev \S+ (lladdr [0-9a-f:]{17}|FAILED|INCOMPLETE)",
    "BSD and Linux arp -a": r"\S+ \([0-9.]+\) at ([0-9a-fA-F:]{11,17}|<?\(?incomplete\)?>?)",
    "Windows arp -a": r"Internet Address +Physical Address +Type",
}
"""Program -> the line by which its output is known, in the words of its manual."""
_KNOWN = re.compile("|".join(f"(?:{form})" for form in FORMS.values()), re.IGNORECASE)
_MAC = re.compile(
    r"(?<![0-9A-Za-z.:-])(?:[0-9a-f]{4}[.-][0-9a-f]{4}[.-][0-9a-f]{4}|[0-9a-f]{6}-[0-9a-f]{6}|[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5})(?![0-9A-Za-z:-])",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?<![0-9A-Za-z.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![0-9A-Za-z.:])", re.IGNORECASE)
_UNFINISHED = re.compile(r"\b(incomplete|failed|invalid|0x0)\b", re.IGNORECASE)


def read(file: Source) -> Iterator[Record]:
    """A record per line that pairs one address with one MAC; what else looks like an entry is told."""
    for number, raw in file.lines():
        line = decoding.decoded(raw)
        if _UNFINISHED.search(line):
            continue  # the switch asked and heard nothing
        written = _MAC.findall(line)
        macs = [mac for text in written if (mac := _mac(text))]
        rest = line
        for text in written:
            rest = rest.replace(text, " ")
        addresses = [address for text in _ADDRESS.findall(rest) if (address := source.address(text))]
        if not macs or not addresses:
            if bool(macs) != bool(addresses) and not _KNOWN.search(line) and not re.match(r"(?i)\s*interface\b", line):
                file.problems.append(Problem(number, "an entry without its address" if macs else "an entry without its MAC"))
            continue
        if len(set(macs)) > 1:
            file.problems.append(Problem(number, "two MACs in one line"))
        elif macs[0] not in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff") and not int(macs[0][:2], 16) & 1:
            yield Record(number, Fact("mac", macs[0]), addresses[0], 0, macs[0])


def _mac(text: str) -> str:
    """A MAC of any writing; parts that leave out a zero (BSD) get it back."""
    if text.count(":") == 5:
        text = ":".join(part.zfill(2) for part in text.split(":"))
    return source.mac(text)


def recognises(head: bytes, _name: str) -> bool:
    """A heading or line of one of FORMS among the first."""
    return any(_KNOWN.search(decoding.decoded(line)[:400]) for line in head.split(b"\n")[:40])


IMPORTER = Importer(name="arp", title="ARP tables of switches and hosts as text", recognises=recognises, read=read, rank=8)
