"""Flows to egress findings, joined to the devices that are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcam.model import Finding, Identity, Site

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from netcam.assess.decisions import Decisions
    from netcam.config import Settings
    from netcam.egress.detect import Assessment, DeviceRef
    from netcam.egress.explained import SiteRules
    from netcam.egress.window import Window
    from netcam.flows.table import FlowTable
    from netcam.inventory.port import Inventory
    from netcam.sinks.lifecycle import Look
    from netcam.sinks.teller import Teller
from netcam.pipeline.content import Content


def sightings(inventory: Inventory, identities: Sequence[Identity], site: str, *, after: int = 0) -> list[tuple[str, str, int]]:
    """Address, device and when (ns) of everything observed at a site with a MAC, in order of time: who had an address, and since when.

    `after`: of the observations above that number alone.
    """
    devices = {mac.lower(): one.device for one in identities for mac in one.macs}
    found = {
        (one.address.partition("%")[0], devices[one.mac], int(one.at.timestamp()) * 1_000_000_000)
        for one in inventory.observations(site=site, after=after)
        if one.mac in devices and one.at is not None and one.address
    }
    return sorted(found, key=lambda seen: seen[2])


def learnt(
    inventory: Inventory, site: str, upto: int, now: datetime
) -> tuple[list[Identity], list[tuple[str, str, int]], int] | None:  # fmt: skip
    """The devices of a site by now, the sightings since observation `upto`, and up to which these go; None where there are none.

    A run that goes on has not judged yet what it has observed: that is read again the next time.
    """
    newest = inventory.newest()
    if newest <= upto:
        return None
    identities = list(inventory.identities(site=site))
    begun = (one.started for one in inventory.scans(site) if one.status == "running" and one.started)
    going = any(now - at < LONGEST_RUN for at in begun)
    return identities, sightings(inventory, identities, site, after=upto), upto if going else newest


LONGEST_RUN = timedelta(days=2)
"""A run that began before that and has not ended was killed."""
SENSITIVE = frozenset({"sensitive-government", "hosting-secret-material"})


"""Classes of sites at which a restricted maker's cloud weighs more."""


def site_rules(settings: Settings, site: str) -> SiteRules:
    """What the settings say of a site's traffic."""
    from netcam.egress.detect import SiteRules

    told = settings.told(site)
    return SiteRules(
        declared=settings.declared(site), internal=settings.internal(site), resolvers=told.resolvers, time_servers=told.time_servers,
        timezone=told.timezone, sensitive=told.site_class in SENSITIVE, no_internet=told.no_internet,
    )  # fmt: skip


def restricted(identities: Sequence[Identity], content: Content, site: Site, now: datetime) -> frozenset[str]:
    """Devices that a policy restricts at this site."""
    from netcam.assess import policy
    from netcam.model import Verdict

    if not identities:
        return frozenset()
    found = policy.assess(identities, content.policies, content.families, site, now.date())
    return frozenset(f.device for f in found if f.verdict is Verdict.RESTRICTED)


def _devices(identities: Sequence[Identity], limited: frozenset[str] = frozenset()) -> dict[str, DeviceRef]:
    """The devices that flows are joined to; `limited` are those that a policy restricts."""
    from netcam.egress.detect import DeviceRef

    return {
        one.device: DeviceRef(
            device=one.device,
            macs=one.macs,
            addresses=one.addresses,
            maker=one.get("maker"),
            brand=one.get("brand"),
            model=one.get("model"),
            firmware=one.get("firmware"),
            kind=one.get("kind"),
            is_camera=one.is_camera,
            restricted=one.device in limited,
        )
        for one in identities
    }


def behaviour(
    tables: Iterable[FlowTable],
    identities: Sequence[Identity],
    content: Content,
    *,
    device: str,
    site: str,
    declared: Sequence[str] = (),
    internal: Sequence[IPv4Network | IPv6Network] = (),
    state: Path | None = None,
) -> Iterator[Window]:
    """The days of `tables`, or of the state that a watch keeps, for the profile of `device` (a key, or an address that no inventory
    knows); nothing is judged and nothing is written."""
    from netcam.egress.detect import DeviceRef, Explainer, SiteRules, Stream, windows

    inside = tuple(internal)
    stream = Stream.load(state, internal=inside) if state is not None else Stream(site=site, internal=inside)
    explainer = Explainer(content.destinations, SiteRules(declared=tuple(declared), internal=inside))
    devices = _devices(identities)
    if device not in devices:
        devices[device] = DeviceRef(device=device, addresses=(device,))
    for table in tables:
        stream.add(table, devices)
    found = False
    for one in windows(stream, explainer):
        found = True
        yield one
    if not found and stream.closed >= 0:
        from netcam.egress.window import window

        yield window(stream.ledger, explainer, site, stream.closed)


def egress(
    table: FlowTable,
    identities: Sequence[Identity],
    content: Content,
    *,
    site: str,
    declared: Sequence[str] = (),
    internal: Sequence[IPv4Network | IPv6Network] = (),
    rules: SiteRules | None = None,
    limited: frozenset[str] = frozenset(),
    judged: Callable[[Assessment], None] = lambda _: None,
) -> list[Finding]:
    """What the detectors find in `table`, joined to the devices that are known; `rules` stand for `declared` and `internal`."""
    from netcam.egress.detect import detect

    devices = _devices(identities, limited)
    return detect(table, devices, content.destinations, declared=declared, internal=internal, site=site, rules=rules, judged=judged)


def excepted(decisions: Decisions, findings: Iterable[Finding], now: datetime) -> frozenset[str]:
    """Keys of the findings that an exception covers."""
    from netcam.assess.decisions import Standing

    return frozenset(one.key for one in findings if decisions.of(one, now.date()).standing is Standing.EXCEPTED)


def tell_traffic(
    teller: Teller, looks: Sequence[Look], now: datetime, *, site: str, identities: Sequence[Identity], decisions: Decisions
) -> str:
    """Tell what looks at traffic opened, changed and closed; returns what went wrong, in words."""
    if not looks:
        return ""
    standing = [told.finding for told in teller.outbox.told(site).values()]
    covered = excepted(decisions, [*standing, *(finding for look in looks for finding in look.findings)], now)
    devices = {one.device: one for one in identities}
    return teller.traffic(looks, now, site=site, devices=devices, excepted=covered)


class EgressWatch:
    """Windows of flows as they come: networks and devices written into them, archived, and judged over a rolling day."""

    def __init__(
        self,
        identities: Sequence[Identity],
        content: Content,
        *,
        site: str,
        declared: Sequence[str] = (),
        internal: Sequence[IPv4Network | IPv6Network] = (),
        archive: Path | None = None,
        networks: Path | None = None,
        state: Path | None = None,
        sightings: Iterable[tuple[str, str, int]] = (),
        rules: SiteRules | None = None,
        limited: frozenset[str] = frozenset(),
        seed: int = 0,
        source: str = "",
        archived_as: str = "",
    ) -> None:
        """`sightings`: address, device and when (ns), in order of time; `state`: file that keeps the judge over a restart; `seed` of
        Community IDs; `source`: the place of capture; `archived_as`: name of what is read, which is archived once however often it is."""
        from netcam.egress.detect import SiteRules
        from netcam.flows import origin
        from netcam.flows.archive import Archive
        from netcam.flows.bindings import Bindings
        from netcam.flows.inside import Inside
        from netcam.flows.largest import LargestFlows

        self._content, self._site = content, site
        self._internal, self._state = tuple(internal), state
        self._seed = seed
        self._rules = rules or SiteRules(declared=tuple(declared), internal=tuple(internal))
        self._archive = Archive(archive) if archive is not None else None
        if self._archive is not None and archived_as:
            self._archive.begin(archived_as)
        self._origin = origin.opened(networks)
        self._inside = Inside(internal)
        self._bindings = Bindings()
        self.learn(identities, sightings, limited)
        self._prepared: FlowTable | None = None
        self._stream: Any = None
        self._source = source
        self._looks: list[Look] = []
        self._largest = LargestFlows()

    def learn(self, identities: Sequence[Identity], sightings: Iterable[tuple[str, str, int]], limited: frozenset[str]) -> None:
        """Take on what the inventory knows by now: every device, which of them a policy restricts, and who has had which address since."""
        self._identities, self._limited = identities, limited
        for one in identities:
            self._bindings.device(one.device, one.macs, one.addresses)
            if one.get("kind") in ("router", "recorder", "access-point"):
                self._bindings.forwarder(one.device)
            elif one.is_camera:
                self._bindings.end(one.device)
        for address, device, at in sightings:
            self._bindings.seen(address, device, at)

    def looks(self) -> list[Look]:
        """The windows that were judged since the last call."""
        taken, self._looks = self._looks, []
        return taken

    def _judged(self, one: Assessment) -> None:
        from netcam.sinks.lifecycle import Look

        w = one.window
        start, end = (datetime.fromtimestamp(ns // 1_000_000_000, UTC) for ns in (w.start, w.end))
        self._looks.append(
            Look(source=self._source, start=start, end=end, findings=[self._named(f) for f in one.findings], hours=w.talked())
        )

    def prepare(self, table: FlowTable) -> None:
        """Write networks and devices into a window, once."""
        from netcam.flows import bindings, origin

        if self._prepared is table:
            return
        self._prepared = table
        table.seed = self._seed
        if self._origin is not None:
            origin.mark(table, self._origin, self._inside)
        bindings.attribute(table, self._bindings, self._inside)

    def add(self, table: FlowTable, *, now: int | None = None) -> None:
        """Take a window on; `now` (ns) where it is live."""
        self.prepare(table)
        self._largest.add(table)
        if self._archive is not None:
            self._archive.write(table, self._site)
        self._judge().add(table, _devices(self._identities, self._limited), now=now)
        if self._state is not None:
            self._stream.save(self._state)

    def _judge(self) -> Any:
        from netcam.egress.stream import Stream

        if self._stream is None:
            known = self._state is not None and self._state.exists()
            self._stream = (
                Stream.load(self._state, internal=self._internal)
                if known and self._state
                else Stream(site=self._site, internal=self._internal)
            )
        return self._stream

    def _explainer(self) -> Any:
        from netcam.egress.detect import Explainer

        return Explainer(self._content.destinations, self._rules)

    def _named(self, finding: Finding) -> Finding:
        """The finding with the Community IDs of its largest flows."""
        traffic = tuple(replace(one, community_ids=self._largest.ids(finding.device, one)) for one in finding.traffic)
        return replace(finding, traffic=traffic)

    def ready(self) -> list[Finding]:
        """Findings of the hours that are complete now."""
        from netcam.egress.detect import run

        found: list[Finding] = []
        for _, one in run(self._judge(), self._explainer()):
            self._judged(one)
            found += [self._named(finding) for finding in one.findings]
        return found

    def finish(self, *, whole: FlowTable | None = None) -> list[Finding]:
        """Findings of what is left; `whole`: the only window there was, which is judged at once."""
        from netcam.egress.detect import STEP_HOURS, run

        if self._archive is not None:
            self._archive.settle(self._site)
        if whole is not None and self._state is None:
            found = egress(
                whole, self._identities, self._content, site=self._site, rules=self._rules, limited=self._limited, judged=self._judged
            )
            return [self._named(finding) for finding in found]
        best: dict[str, Finding] = {}
        for _, one in run(self._judge(), self._explainer(), every=STEP_HOURS, last=True):
            self._judged(one)
            for finding in map(self._named, one.findings):
                known = best.get(finding.key)
                if known is None or (finding.rank, finding.score or 0) >= (known.rank, known.score or 0):
                    best[finding.key] = finding
        return sorted(best.values(), key=lambda f: (-f.rank, f.rule, f.device, f.subject))
