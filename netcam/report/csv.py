"""Tables for a spreadsheet: no cell starts a formula, and what is read back is what was written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence

from netcam.model import SLOTS, Finding, Identity
from netcam.report.snapshot import Snapshot

DEVICE_COLUMNS = (
    "site", "device", "is_camera", *SLOTS, *(f"{slot}_confidence" for slot in SLOTS),
    "addresses", "macs", "mac_registrant", "fingerprints", "disputed", "unknown_fields", "catalog", "place",
)  # fmt: skip
FINDING_COLUMNS = (
    "key", "kind", "rule", "site", "device", "verdict", "severity", "subject", "title", "text", "reach", "confidence",
    "action", "good_for", "stale", "citations", "urls",
)  # fmt: skip

# what begins a formula, perhaps after a blank: in a cell, and after what a spreadsheet of another language takes for the
# end of a cell or of a line. The apostrophe is among them so that every guard can be told from the text.
_ENDS = r"[;\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]"
_START = re.compile(rf"(?:^|(?<={_ENDS}))(?=[ \t\r\n\v\f\u00a0\ufeff\u200b]*[=+\-@|%＝＋－＠'])|^(?=[\t\r\n])")
_GUARD = re.compile(rf"(?:^|(?<={_ENDS}))'")
_LIST = "; "


def guard(cell: str) -> str:
    """A cell that a spreadsheet shows and does not compute: an apostrophe before what could start a formula."""
    return _START.sub("'", cell)


def unguard(cell: str) -> str:
    """The text that guard was given."""
    return _GUARD.sub("", cell)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """RFC 4180 text with a heading line; every cell quoted and guarded. NUL and lone surrogates become U+FFFD."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([guard(_writable(cell)) for cell in row])
    return out.getvalue()


def _writable(cell: str) -> str:
    return cell.replace("\x00", "\ufffd").encode("utf-8", "replace").decode() if not cell.isprintable() else cell


def read(text: str) -> list[dict[str, str]]:
    """The rows of a table, guards taken off."""
    return [{name: unguard(cell or "") for name, cell in row.items()} for row in csv.DictReader(io.StringIO(text, newline=""))]


def render(snapshot: Snapshot) -> str:
    """The device table of a snapshot."""
    return devices(snapshot.identities, snapshot.place)


def devices(identities: Iterable[Identity], place: Callable[[Identity], str] = lambda identity: "") -> str:
    """The device table; an unknown slot is an empty cell, an unknown kind leaves is_camera empty."""
    return table(DEVICE_COLUMNS, (_device(identity, place(identity)) for identity in identities))


def _device(identity: Identity, place: str) -> list[str]:
    told = {None: "", True: "true", False: "false"}[identity.is_camera]
    confidence = [f"{identity.confidence[slot]:.3f}" if slot in identity.confidence else "" for slot in SLOTS]
    return [
        identity.site, identity.device, told, *(identity.get(slot) or "" for slot in SLOTS), *confidence,
        _LIST.join(identity.addresses), _LIST.join(identity.macs), identity.mac_registrant,
        _LIST.join(dict.fromkeys(claim.by for claim in identity.because)),
        _LIST.join(f"{claim.slot}={claim.value}" for claim in identity.disputed),
        _LIST.join(identity.unknown_fields), identity.catalog, place,
    ]  # fmt: skip


def findings(found: Iterable[Finding]) -> str:
    """The findings table."""
    return table(FINDING_COLUMNS, (_finding(finding) for finding in found))


def _finding(f: Finding) -> list[str]:
    return [
        f.key, f.kind, f.rule, f.site, f.device, f.verdict.value if f.verdict else "", f.severity, f.subject, f.title, f.text, f.reach,
        f"{f.confidence:.3f}", f.action, f.good_for.isoformat() if f.good_for else "", "true" if f.stale else "false",
        _LIST.join(c.title for c in f.citations), _LIST.join(c.url for c in f.citations),
    ]  # fmt: skip
