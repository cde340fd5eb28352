"""What one report is made from: the records of a scan, a site or a date, taken together at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from netcam.assess.decisions import Decisions, Stand
from netcam.assess.removal import Item
from netcam.model import Coverage, CoverageState, Difference, Finding, Identity, ScanRecord, Verdict
from netcam.report.questions import Checklist


class Source(Protocol):
    """What an inventory must answer for a snapshot."""

    def identities(self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None) -> Sequence[Identity]: ...
    def findings(self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None) -> Sequence[Finding]: ...
    def coverage(self, scan: str) -> Sequence[Coverage]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a report shows. Nothing in it is computed from the clock or the network."""

    generated_at: datetime
    title: str = "Camera inventory"
    scan: ScanRecord | None = None
    identities: tuple[Identity, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    changes: tuple[Difference, ...] = ()
    content: Mapping[str, str] = field(default_factory=dict)
    """Digest of each content set that judged, by name."""
    limits: tuple[str, ...] = ()
    """What this look could not do, in words for the reader, besides what the scan notes."""
    decisions: Decisions = field(default_factory=Decisions)
    """Exceptions and disputes; they mark findings and never take one away."""
    removals: tuple[Item, ...] = ()
    """The removal programme of the site."""
    checklists: tuple[Checklist, ...] = ()
    """Questions that texts put to the keeper of every camera."""
    places: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Site and MAC -> where the device hangs, as a switch told: switch, port, VLAN, power, and the day."""
    relations: Mapping[tuple[str | None, str | None], Sequence[str]] = field(default_factory=dict)
    """Badge and maker -> what maker files record of who makes that badge, with strength and source; maker None where none is proven."""

    @classmethod
    def of(
        cls, source: Source, scan: ScanRecord | None = None, *, generated_at: datetime, site: str | None = None,
        at: datetime | None = None, changes: Sequence[Difference] = (), limits: Sequence[str] = (),
    ) -> Snapshot:  # fmt: skip
        """The records of a scan; without one, the latest of every device of a site, as of a time."""
        which = {"scan": scan.id} if scan else {}
        identities = source.identities(None if scan else at, site=None if scan else site, **which)
        digests = sorted({identity.catalog for identity in identities if identity.catalog})
        return cls(
            generated_at=generated_at,
            scan=scan,
            title=f"Camera inventory of {scan.site if scan else site}" if scan or site else "Camera inventory",
            identities=tuple(identities),
            findings=tuple(source.findings(None if scan else at, site=None if scan else site, **which)),
            coverage=tuple(source.coverage(scan.id)) if scan else (),
            changes=tuple(changes),
            content={f"catalog {n}" if len(digests) > 1 else "catalog": digest for n, digest in enumerate(digests, 1)},
            limits=tuple(limits),
        )

    def place(self, identity: Identity) -> str:
        """Where a device hangs on the wall, empty where no switch told."""
        return "; ".join(dict.fromkeys(text for mac in identity.macs if (text := self.places.get((identity.site, mac)))))

    def recorded(self, identity: Identity) -> Sequence[str]:
        """What maker files record of who makes the device's badge."""
        return self.relations.get((identity.get("brand"), identity.get("maker")), ())

    def stand(self, finding: Finding) -> Stand:
        """Where a finding stands on the day of the report, after what people decided."""
        return self.decisions.of(finding, self.generated_at.date())

    def raised(self) -> list[Finding]:
        """The findings that no exception covers."""
        return self.decisions.raised(self.findings, self.generated_at.date())

    def cameras(self) -> list[Identity]:
        """Devices that are cameras, recorders or encoders."""
        return [i for i in self.identities if i.is_camera is True]

    def others(self) -> list[Identity]:
        """Devices that are known to be something else."""
        return [i for i in self.identities if i.is_camera is False]

    def unknowns(self) -> list[Identity]:
        """Devices of unknown kind, and cameras without a maker: work to do, never a pass."""
        return [i for i in self.identities if i.is_camera is None or (i.is_camera and i.get("maker") is None)]

    def covered(self) -> dict[str, int]:
        """Addresses by state; from the coverage lines, else from the scan's totals."""
        if self.coverage:
            told = Counter(line.state.value for line in self.coverage)
            return {state.value: told[state.value] for state in CoverageState if told[state.value]}
        totals = self.scan.totals if self.scan else {}
        return {state.value: totals[state.value] for state in CoverageState if totals.get(state.value)}

    def sent(self) -> dict[str, int]:
        """What the scan sent, by the name in its totals."""
        totals = self.scan.totals if self.scan else {}
        states = {state.value for state in CoverageState}
        return {name: count for name, count in sorted(totals.items()) if name not in states}

    def by_policy(self) -> dict[str, list[Finding]]:
        """Policy findings by rule, the strongest verdict first."""
        rules: dict[str, list[Finding]] = {}
        for finding in self.findings:
            if finding.kind == "policy":
                rules.setdefault(finding.rule, []).append(finding)
        order = {verdict: n for n, verdict in enumerate(Verdict)}
        for found in rules.values():
            found.sort(key=lambda f: (order[f.verdict] if f.verdict else len(order), f.site, f.device))
        return dict(sorted(rules.items()))

    def of_kind(self, kind: str) -> list[Finding]:
        """Findings of a kind, the most severe first."""
        return sorted((f for f in self.findings if f.kind == kind), key=lambda f: (-f.rank, f.site, f.device, f.rule, f.subject))
