"""The return for a regulator's survey: systems by use, maker, number and class of site, with known concerns; what is not known says so."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from netcam.model import CoverageState, Finding, Identity, ScanRecord, Site
from netcam.report import csv
from netcam.report.html import page_maker, when

NOT_KNOWN = "not known"
COLUMNS = (
    "use", "kind", "maker", "badge", "number", "sites", "site class", "known concerns", "due diligence noted", "exceptions",
)  # fmt: skip
USE, DILIGENCE = "use", "due-diligence"
"""Names of the tags by which a keeper records them: `use=anpr`, `due-diligence=REF-12`."""
MAX_SITES = 20
"""Sites named in one row; a longer list is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The last sweep of a site, or of one of its networks, and what it could not look at."""

    site: str
    scan: ScanRecord | None
    missed: int = 0
    swept: bool = True
    """Whether addresses were asked; else the run listened, or read a file of others."""
    of: str = ""
    """The networks, where a site is swept in parts."""

    @property
    def whole(self) -> bool:
        """Whether everything that was to be looked at was."""
        return self.scan is not None and self.swept and not self.missed and self.scan.status == "complete"

    @property
    def says(self) -> str:
        """The run in a sentence."""
        if self.scan is None:
            return f"{self.site}: never looked at."
        if not self.swept:
            when_ = when(self.scan.finished or self.scan.started)
            return f"{self.site}: never swept. The last run, {self.scan.id}, {when_}, listened or read a file: what did not show there is not known."
        missed = f" {self.missed} addresses were not reached." if self.missed else ""
        return f"{self.site}{f' ({self.of})' if self.of else ''}: scan {self.scan.id}, {when(self.scan.finished or self.scan.started)}, {self.scan.status}.{missed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Devices of one use, kind, maker, badge and class of site."""

    use: str
    kind: str
    maker: str
    badge: str
    number: int
    sites: tuple[str, ...]
    site_class: str
    concerns: tuple[str, ...]
    diligence: int
    """Devices for which due diligence is recorded."""
    excepted: int
    """Devices with a finding under an exception."""

    def cells(self) -> list[str]:
        """The row as text, in order of COLUMNS."""
        sites = ", ".join(self.sites[:MAX_SITES]) + (f" and {len(self.sites) - MAX_SITES} more" if len(self.sites) > MAX_SITES else "")
        noted = NOT_KNOWN if not self.diligence else "all" if self.diligence == self.number else f"{self.diligence} of {self.number}"
        concerns = "; ".join(self.concerns) or ("none known" if self.maker != NOT_KNOWN else NOT_KNOWN)
        return [
            self.use, self.kind, self.maker, self.badge, str(self.number), sites, self.site_class, concerns, noted, str(self.excepted or "none"),
        ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The whole return."""

    generated_at: datetime
    rows: tuple[Row, ...] = ()
    unidentified: int = 0
    """Devices of which nobody can say whether they are cameras."""
    removed: int = 0
    """Devices that the removal programme has taken away: they are in no row."""
    missing: int = 0
    """Devices of the rows that the last sweep of all their addresses did not see."""
    looks: tuple[Look, ...] = ()
    concerns_of: tuple[str, ...] = ()
    """Titles of the texts whose concerns are named."""

    @property
    def total(self) -> int:
        """Cameras, recorders and encoders."""
        return sum(row.number for row in self.rows)


def survey(
    identities: Iterable[Identity],
    findings: Sequence[Finding],
    *,
    generated_at: datetime,
    sites: Mapping[str, Site],
    tags: Mapping[tuple[str, str], Sequence[str]],
    concerns: Mapping[str, str],
    looks: Sequence[Look],
    excepted: frozenset[str] = frozenset(),
    removed: Container[tuple[str, str]] = (),
    missing: Container[tuple[str, str]] = (),
) -> Survey:
    """Count devices. `tags` are the keeper's by (site, device), `concerns` rule -> title, `excepted` keys of findings.

    Those in `removed` (site, device) are no longer in use; those in `missing` may be switched off, and are counted.
    """
    told: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        told.setdefault((finding.site, finding.device), []).append(finding)
    groups: dict[tuple[str, str, str, str, str], list[Identity]] = {}
    unidentified = away = unseen = 0
    for one in identities:
        if (one.site, one.device) in removed:
            away += bool(one.is_camera)
            continue
        if one.is_camera is None:
            unidentified += 1
        if not one.is_camera:
            continue
        unseen += (one.site, one.device) in missing
        site_class = sites[one.site].site_class if one.site in sites else "unset"
        key = (
            _tag(tags.get((one.site, one.device), ()), USE) or NOT_KNOWN,
            one.get("kind") or NOT_KNOWN,
            one.get("maker") or NOT_KNOWN,
            one.get("brand") or NOT_KNOWN,
            NOT_KNOWN if site_class == "unset" else site_class,
        )
        groups.setdefault(key, []).append(one)
    rows = []
    for key in sorted(groups):
        held = groups[key]
        mine = [finding for one in held for finding in told.get((one.site, one.device), ())]
        named = {finding.rule for finding in mine if finding.verdict in ("restricted", "review", "advisory", "information")}
        rows.append(
            Row(
                use=key[0], kind=key[1], maker=key[2], badge=key[3], site_class=key[4], number=len(held),
                sites=tuple(sorted({sites[one.site].name or one.site if one.site in sites else one.site or NOT_KNOWN for one in held})),
                concerns=tuple(title for rule, title in sorted(concerns.items()) if rule in named),
                diligence=sum(bool(_tag(tags.get((one.site, one.device), ()), DILIGENCE)) for one in held),
                excepted=len({(f.site, f.device) for f in mine if f.key in excepted}),
            )
        )  # fmt: skip
    return Survey(
        generated_at=generated_at,
        rows=tuple(rows),
        unidentified=unidentified,
        removed=away,
        missing=unseen,
        looks=tuple(looks),
        concerns_of=tuple(sorted(concerns.values())),
    )


def missed(totals: Mapping[str, int]) -> int:
    """Addresses that a run did not reach."""
    return totals.get(CoverageState.NOT_REACHED.value, 0)


def _tag(tags: Iterable[str], name: str) -> str:
    for tag in tags:
        key, equals, value = tag.partition("=")
        if equals and key.strip() == name and value.strip():
            return value.strip()
    return ""


def render_csv(told: Survey) -> str:
    """The rows as a table, then what is not identified and what was not looked at."""
    empty = [""] * (len(COLUMNS) - 5)
    rest = [[NOT_KNOWN, "not identified", NOT_KNOWN, NOT_KNOWN, str(told.unidentified), *empty]] if told.unidentified else []
    for number, what in (
        (told.removed, "removed, and in no row"),
        (told.missing, "of the rows, not seen by the last sweep of their addresses"),
    ):
        rest += [["", what, "", "", str(number), *empty]] if number else []
    looks = [["", "what was looked at", "", "", "", look.says, *empty[1:]] for look in told.looks]
    return csv.table(COLUMNS, [*(row.cells() for row in told.rows), *rest, *looks])


def render_html(told: Survey) -> str:
    """One printable page with a place to sign. The same survey gives the same bytes."""
    environment, css, digest = page_maker()
    page: str = environment.get_template("survey.html.j2").render(s=told, columns=COLUMNS, style=css, style_hash=digest, when=when)
    return page
