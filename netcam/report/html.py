"""A snapshot as one self-contained page: no script, no external resource, everything from the network escaped."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netcam.assess.removal import Step, burn_down, progress
from netcam.model import SLOTS, Citation, Claim, CoverageState, Finding, Identity, Verdict
from netcam.report.questions import answers
from netcam.report.snapshot import Snapshot
from netcam.report.terminal_text import escape

MAX_CELL = 600
"""Characters of one value on the page: the whole of it is in the inventory."""
MAX_PROSE = 4_000
"""Characters of one sentence for the reader."""
MAX_CLAIMS = 40
"""Claims shown for one device; a device that is claimed more often shows its strongest."""
MAX_LINES = 4_096
"""Coverage lines listed by address; the counts above them are whole."""

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_ALWAYS = (
    "What stays silent is not seen: a device that is off, or that a firewall hides, is not on this page.",
    "Unknown is never a pass, and an address that was not reached is not an empty one.",
    "A badge is not a maker: both are shown, each with what it rests on. A MAC prefix alone never decides.",
    "A verdict states what a published text says and whom it binds. It is not legal advice.",
)


def render(snapshot: Snapshot) -> str:
    """The page. The same snapshot gives the same bytes."""
    environment, css, digest = page_maker()
    cameras = snapshot.cameras()
    undetermined = [i for i in snapshot.identities if i.is_camera is None]
    page: str = environment.get_template("report.html.j2").render(
        s=snapshot,
        style=css,
        style_hash=digest,
        cameras=cameras,
        undetermined=len(undetermined),
        makers=_makers(cameras),
        covered=snapshot.covered(),
        unreached=_not_looked_at(snapshot),
        policies=snapshot.by_policy(),
        egress=snapshot.of_kind("egress"),
        firmware=snapshot.of_kind("firmware"),
        listed=[*cameras, *undetermined, *snapshot.others()],
        work=_work(snapshot),
        sent=snapshot.sent(),
        limits=[*(snapshot.scan.notes if snapshot.scan else ()), *snapshot.limits, *_ALWAYS],
        slots=SLOTS,
        max_claims=MAX_CLAIMS,
        anchor=_anchor,
        named={(i.site, i.device): i.addresses[0] for i in snapshot.identities if i.addresses},
        when=when,
        citations=_citations,
        reaches=_reaches,
        tally=_tally,
        claim_row=_claim_row,
        decided=_decided(snapshot),
        progress=progress(snapshot.removals, snapshot.generated_at.date()) if snapshot.removals else [],
        burn=list(burn_down(snapshot.removals, snapshot.generated_at.date())),
        steps=tuple(Step),
        today=snapshot.generated_at.date(),
        answered=_answered(snapshot),
    )
    return page


def _decided(snapshot: Snapshot) -> list[dict[str, str]]:
    """Every decision on a finding of this page, and those that ended, with where they stand."""
    findings = {finding.key: finding for finding in snapshot.findings}
    rows = []
    for one in snapshot.decisions.all:
        finding = findings.get(one.key)
        stand = snapshot.stand(finding) if finding else None
        current = stand is not None and stand.decision is one
        standing = "ended" if one.ended else stand.standing.value if current and stand else "no finding on this page"
        rows.append({"rule": one.rule, "device": one.device, "site": one.site, "standing": standing, "says": one.says()})
    return rows


def _answered(snapshot: Snapshot) -> dict[tuple[str, str], dict[str, str]]:
    """Answers to the checklists, camera by camera."""
    if not snapshot.checklists:
        return {}
    by_device: dict[tuple[str, str], list[Finding]] = {}
    for finding in snapshot.of_kind("egress"):
        by_device.setdefault((finding.site, finding.device), []).append(finding)
    return {(one.site, one.device): answers(one, by_device.get((one.site, one.device), ())) for one in snapshot.cameras()}


def page_maker() -> tuple[Any, str, str]:
    """The template environment of every page, the style sheet, and its digest for the page's security policy."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, finalize=_whole
    )
    environment.filters["seen"] = lambda text: escape(str(text), MAX_CELL)
    environment.filters["prose"] = lambda text: escape(str(text), MAX_PROSE)
    css = (_TEMPLATES / "report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return environment, _Markup(css), _Markup(f"sha256-{digest}")


class _Markup(str):
    """Text of our own that needs no escape: the style sheet and its digest."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def _whole(value: Any) -> Any:
    """Every text on the page without hidden characters, also where the template names no filter."""
    return escape(value, MAX_PROSE) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _anchor(site: str, device: str) -> str:
    """A fragment name for a device that holds nothing of its text."""
    return "d-" + hashlib.sha256(f"{site}\x1f{device}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def when(at: datetime | None) -> str:
    """A time for a reader."""
    return "time not recorded" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _makers(cameras: Iterable[Identity]) -> dict[str, dict[str, Any]]:
    """Count and brands by maker, the largest first; an unknown maker under its own heading."""
    rows: dict[str, dict[str, Any]] = {}
    for identity in cameras:
        row = rows.setdefault(identity.get("maker") or "unknown", {"count": 0, "brands": []})
        row["count"] += 1
        brand = identity.get("brand")
        if brand and brand not in row["brands"]:
            row["brands"].append(brand)
    return dict(sorted(rows.items(), key=lambda item: (-item[1]["count"], item[0])))


def _not_looked_at(snapshot: Snapshot) -> list[Any]:
    wanted = (CoverageState.NOT_REACHED, CoverageState.EXCLUDED, CoverageState.OFF_SUBNET)
    return [line for line in snapshot.coverage if line.state in wanted][:MAX_LINES]


def _citations(findings: Iterable[Finding]) -> list[Citation]:
    return list({c.id: c for finding in findings for c in finding.citations}.values())


def _reaches(findings: Iterable[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.reach for finding in findings if finding.reach))


def _tally(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    counts = Counter(finding.verdict for finding in findings)
    return [(verdict.value, counts[verdict]) for verdict in Verdict if counts[verdict]]


def _claim_row(claim: Claim) -> _Markup:
    from markupsafe import Markup

    first = claim.because[0] if claim.because else None
    observed = f"{first.field}: {first.value}" if first else ""
    if first and first.at:
        observed += f" ({when(first.at)})"
    cells = [escape(text, MAX_CELL) for text in (claim.slot, claim.value, claim.by, observed)]
    row = Markup("<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td><td class='n'>{:.2f}</td></tr>\n").format(
        *cells, claim.weight
    )
    return _Markup(row)


def _work(snapshot: Snapshot) -> list[dict[str, str]]:
    """What a person has still to settle, device by device, then address by address."""
    items = []
    for identity in snapshot.unknowns():
        if identity.is_camera is None:
            opened = "It answers, and nothing says what it is."
            how = "Look at the label, or sweep again with --profile standard; if it is known, teach netcam its fingerprint."
        else:
            opened = "It is a camera, and nothing says who made it."
            how = "Read the label or the web page; send the observations as a new fingerprint."
        if identity.unknown_fields:
            opened += f" Fields nobody defined: {', '.join(identity.unknown_fields[:8])}."
        name = ", ".join(identity.addresses) or identity.device
        items.append({"device": name, "anchor": _anchor(identity.site, identity.device), "open": opened, "how": how})
    for finding in snapshot.findings:
        if finding.verdict in (Verdict.UNKNOWN, Verdict.NOT_ASSESSED):
            how = "; ".join(finding.would_change) or finding.action or "Establish the maker of the device."
            anchor = _anchor(finding.site, finding.device)
            said = f"{finding.rule}: {finding.verdict.value}. {finding.text}"
            items.append({"device": finding.device, "anchor": anchor, "open": said, "how": how})
    missed = snapshot.covered().get(CoverageState.NOT_REACHED.value, 0)
    if missed:
        how = "Run `netcam scan --resume`, or put a sensor where these addresses can be reached."
        items.append({"device": f"{missed} addresses", "anchor": "", "open": "They were not reached.", "how": how})
    return items
