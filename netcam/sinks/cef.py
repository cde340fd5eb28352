"""Events in the Common Event Format, version 0: one header, and one line of keys that each appear once."""

from __future__ import annotations

import re
from ipaddress import ip_address

from netcam import wire
from netcam.model import Identity, Traffic
from netcam.sinks import ends
from netcam.sinks.event import Event, EventKind, epoch_ms, scan_of, scope_of
from netcam.sinks.format import Format

_SEVERITY = (0, 2, 4, 6, 8)
"""CEF severity 0..10 by rank."""
_LIMITS = {"externalId": 40, "act": 63, "msg": 1023, "reason": 1023, "cat": 1023, "request": 1023, "outcome": 63, "suser": 1023}
"""Characters that the key dictionary allows; custom strings take 4,000."""
_CUSTOM = 4_000
_HEADER = 512
"""Characters of a header field: the class id may have 1,023, and a name that long helps nobody."""

# CEF has an escape for line feed and carriage return only; other controls and what turns text round have no place in it
_CONTROL = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def _plain(text: str, limit: int) -> str:
    return _CONTROL.sub("\ufffd", text if len(text) <= limit else text[: limit - 1] + "…")


def header(text: str) -> str:
    """A header field: backslash and pipe escaped, line ends as blanks."""
    return re.sub(r"[\r\n]+", " ", _plain(text, _HEADER)).replace("\\", "\\\\").replace("|", "\\|")


def value(text: str, limit: int = _CUSTOM) -> str:
    """An extension value: backslash, equals sign and line ends escaped."""
    return _plain(text, limit).replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")


def encode(event: Event) -> bytes:
    """One line. The event id is cut to the 40 characters that externalId takes; the whole is in flexString1."""
    name = event.kind.value.replace("-", " ").capitalize()
    head = "|".join(header(word) for word in ("netcam", "netcam", event.version or "0", event.kind.value, name))
    keys = [(key, text) for key, text in _keys(event).items() if text]
    extension = " ".join(f"{key}={value(text, _LIMITS.get(key, _CUSTOM))}" for key, text in keys)
    return f"CEF:0|{head}|{_SEVERITY[event.severity]}|{extension}".encode()


def _keys(event: Event) -> dict[str, str]:
    keys = {
        "rt": str(epoch_ms(event.at)), "externalId": event.id[:40], "deviceExternalId": event.sensor, "dvchost": event.sensor,
        "cat": event.kind.value, "act": event.state.value if event.state else "", "msg": event.message,
        "cs4Label": "Site", "cs4": event.site,
    }  # fmt: skip
    if event.kind is EventKind.SCAN_FINISHED and event.scan:
        keys["outcome"] = "success" if event.scan.status == "complete" else "failure"
        keys["reason"] = "" if event.scan.status == "complete" else event.scan.status
    if event.scan and event.scan.started and event.scan.finished:
        keys |= {"start": str(epoch_ms(event.scan.started)), "end": str(epoch_ms(event.scan.finished))}
    if event.device:
        keys |= _device(event.device)
    if event.finding:
        finding = event.finding
        word = finding.verdict.value if finding.verdict else finding.severity
        keys |= {"cs5Label": "Rule", "cs5": finding.rule, "outcome": word, "reason": finding.text or finding.title}
        if finding.citations:
            keys["request"] = finding.citations[0].url
        pair = ends.of_finding(finding, event.device)
        if pair:
            keys = _ends(keys, *pair, finding.traffic[0] if finding.traffic else None)
        if finding.subject:
            keys |= {"cs6Label": "Subject", "cs6": finding.subject}
        keys |= {"flexString2Label": "Finding key", "flexString2": finding.key}
        keys.setdefault("shost", finding.device)
        if event.ended:
            keys["act"] = f"{keys['act']}: {event.ended.value}"
    if event.traffic:
        one = event.traffic
        keys = _ends(keys, *ends.of_traffic(one, event.device, event.detail.get("device", "")), one) | {"cnt": str(one.flows)}
        for key, text in (("start", one.first), ("end", one.last)):
            if (at := wire.instant(text)) is not None:
                keys[key] = str(epoch_ms(at))
    elif event.detail:
        keys["suser"] = event.detail.get("by", "")
        rest = "; ".join(f"{name}: {text}" for name, text in event.detail.items() if name != "by")
        keys |= {"cs6Label": "Detail", "cs6": rest}
    if event.field:
        keys |= {"cs5Label": "Field", "cs5": event.field, "cs6Label": "Previous value", "cs6": event.old or "unknown"}
        keys |= {"flexString2Label": "Present value", "flexString2": event.new or "unknown"}
    keys |= {"flexString1Label": "Event id", "flexString1": event.id}
    if scan := scan_of(event):
        keys |= {"deviceProcessName": "netcam", "sourceServiceName": scan}
    if scope := scope_of(event):
        keys["destinationServiceName"] = f"scope {scope}"  # the dictionary has no key for an authorisation
    empty = {label.removesuffix("Label") for label in keys if label.endswith("Label") and not keys.get(label.removesuffix("Label"))}
    return {key: text for key, text in keys.items() if key.removesuffix("Label") not in empty}


def _ends(keys: dict[str, str], source: ends.End, destination: ends.End, one: Traffic | None) -> dict[str, str]:
    """`keys` with both ends in place of the device's own place: who began is the source; `in` and `out` are seen from it."""
    keys = {key: text for key, text in keys.items() if key not in ("src", "smac", "c6a2", "c6a2Label")}
    keys |= {"shost": source.device or source.name, "dhost": destination.device or destination.name}
    keys |= _address(source.address, "src", "c6a2", "Source IPv6 Address") | _address(
        destination.address, "dst", "c6a3", "Destination IPv6 Address"
    )
    if source.mac:
        keys["smac"] = source.mac.upper()
    if destination.mac:
        keys["dmac"] = destination.mac.upper()
    if destination.port:
        keys["dpt"] = str(destination.port)
    keys["deviceDirection"] = "0" if one and one.way.startswith("from") else "1"
    if one and one.protocol in ends.TRANSPORT:
        keys["proto"] = ends.TRANSPORT[one.protocol].upper()
    keys |= {key: str(count) for key, count in (("out", source.bytes), ("in", destination.bytes)) if count is not None}
    return keys


def _address(text: str, four: str, six: str, label: str) -> dict[str, str]:
    """The keys of an address: src and dst take IPv4 only, IPv6 has its own with a label."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return {}
    return {four: str(address)} if address.version == 4 else {f"{six}Label": label, six: str(address)}


def _device(identity: Identity) -> dict[str, str]:
    keys: dict[str, str] = {"shost": identity.device}
    for address in identity.addresses:
        found = _address(address, "src", "c6a2", "Source IPv6 Address")
        keys |= {key: text for key, text in found.items() if key not in keys}
    if identity.macs:
        keys["smac"] = identity.macs[0].upper()
    badge = " ".join(word for word in (identity.get("brand"), identity.get("model")) if word)
    keys |= {"cs1Label": "Maker", "cs1": identity.get("maker") or "unknown", "cs2Label": "Badge and model", "cs2": badge or "unknown"}
    keys |= {"cs3Label": "Firmware", "cs3": identity.get("firmware") or ""}
    if "maker" in identity.confidence:
        keys |= {"cfp1Label": "Confidence of the maker", "cfp1": f"{identity.confidence['maker']:.2f}"}
    return keys


_HEADER_FIELD = r"((?:[^|\\\r\n]|\\[|\\])*)\|"
_LINE = re.compile(rf"CEF:0\|{_HEADER_FIELD * 5}(\d{{1,2}}|Unknown|Low|Medium|High|Very-High)\|(.*)")
_PAIR = re.compile(r"([A-Za-z0-9_]+)=((?:\\[\\=rn]|[^\\=\r\n])*?)(?: +(?=[A-Za-z0-9_]+=)|$)")


def problems(line: str) -> list[str]:
    """What is wrong with a line of CEF: header, escapes, a key twice, a value too long, a label without its value."""
    found = _LINE.fullmatch(line)
    if not found:
        return ["no CEF header of seven fields"]
    wrong: list[str] = []
    keys: dict[str, str] = {}
    at = 0
    extension = found[7]
    while at < len(extension):
        pair = _PAIR.match(extension, at)
        if not pair:
            return [*wrong, f"extension is no list of keys at character {at}"]
        if pair[1] in keys:
            wrong.append(f"{pair[1]}: stands twice")
        keys[pair[1]] = re.sub(r"\\(.)", lambda escaped: {"n": "\n", "r": "\r"}.get(escaped[1], escaped[1]), pair[2])
        at = pair.end()
    wrong += [
        f"{key}: longer than {_LIMITS.get(key, _CUSTOM)} characters" for key, text in keys.items() if len(text) > _LIMITS.get(key, _CUSTOM)
    ]
    wrong += [f"{key}: has no value" for key in keys if key.endswith("Label") and key.removesuffix("Label") not in keys]
    return wrong


FORMAT = Format(name="cef", media_type="text/plain", encode=encode)
