"""Events as lines of CSV: guarded against formulas, one column for each thing a person sorts by."""

from __future__ import annotations

import csv
import io
import re

from netcam.sinks.event import Event, bounded, scan_of, scope_of, when
from netcam.sinks.format import Format

COLUMNS = (
    "id", "at", "kind", "severity", "site", "sensor", "scan", "scope", "device", "address", "mac", "brand", "maker", "model", "firmware",
    "confidence", "rule", "verdict", "state", "subject", "field", "old", "new", "message",
)  # fmt: skip

# what begins a formula, perhaps after a blank; the apostrophe too, so that a reader can tell each guard and take it off
_FORMULA = re.compile(r"(?=[\s\ufeff\u200b]*[=+\-@|%＝＋－＠'])|(?=[\t\r\n])")
# a line of a log is one line: what ends one is shown, and so is what no text file should hold
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def cell(text: str) -> str:
    """A cell on one line that a spreadsheet shows and does not compute."""
    shown = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", bounded(text))
    return f"'{shown}" if _FORMULA.match(shown) else shown


def _line(cells: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    return out.getvalue().encode()


def encode(event: Event) -> bytes:
    """One line."""
    device, finding = event.device, event.finding
    told = {
        "id": event.id, "at": when(event.at), "kind": event.kind.value, "severity": str(event.severity), "site": event.site,
        "sensor": event.sensor, "scan": scan_of(event), "scope": scope_of(event), "device": finding.device if finding else "", "field": event.field,
        "old": event.old or "", "new": event.new or "", "message": event.message, "state": event.state.value if event.state else "",
    }  # fmt: skip
    if device:
        told |= {slot: device.get(slot) or "unknown" for slot in ("brand", "maker", "model", "firmware")}
        told |= {"device": device.device, "address": "; ".join(device.addresses), "mac": "; ".join(device.macs)}
        told["confidence"] = f"{device.confidence['maker']:.2f}" if "maker" in device.confidence else ""
    if finding:
        word = finding.verdict.value if finding.verdict else finding.severity
        told |= {"rule": finding.rule, "verdict": word, "subject": finding.subject}
    return _line([cell(told.get(column, "")) for column in COLUMNS])


FORMAT = Format(name="csv", media_type="text/csv", encode=encode, head=_line(list(COLUMNS)) + b"\n")
