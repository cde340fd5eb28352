"""Tells what happened: makes events of a scan's results and of what operators did, and queues them with what was told before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from netcam.errors import StoreError
from netcam.model import Difference, Finding, Identity, ScanRecord
from netcam.sinks import lifecycle
from netcam.sinks.event import Event, EventKind, device_event, notice, scan_event
from netcam.sinks.format import Format
from netcam.sinks.outbox import Outbox

PRESENT, MISSING = "present", "missing"


class Teller:
    """Queues events. Raises StoreError where the outbox cannot be written; nothing is half told then, and the next scan tells it."""

    def __init__(self, outbox: Outbox, formats: Mapping[str, Format], *, sensor: str = "", version: str = "") -> None:
        self.outbox, self._formats, self._sensor, self._version = outbox, formats, sensor, version

    def run(self, scan: ScanRecord, at: datetime) -> None:
        """A scan began, or ended without a result, as its status says."""
        self.outbox.put([scan_event(scan, at, version=self._version)], self._formats)

    def finished(
        self, scan: ScanRecord, at: datetime, *, identities: Sequence[Identity], known: Mapping[str, Identity],
        differences: Iterable[Difference], findings: Iterable[Finding], reached: Collection[str] = (), excepted: Collection[str] = (),
    ) -> int:  # fmt: skip
        """A scan ended: devices found, changed, missing and returned; findings opened, changed and closed; a digest; the coverage.

        `known` are the devices of the site before the scan, `reached` the networks that were out of reach before and are not now,
        `excepted` the keys of findings that an exception covers. Returns how many events were queued.
        """
        told_devices = self.outbox.devices(scan.site)
        devices: dict[str, str] = {}
        events: list[Event] = []
        made = {"sensor": scan.sensor or self._sensor, "scan_id": scan.id, "version": self._version}
        present = {one.device: one for one in identities}
        for device, identity in present.items():
            state = told_devices.get(device)
            if state != PRESENT:
                devices[device] = PRESENT
                kind = EventKind.DEVICE_RETURNED if state == MISSING else EventKind.DEVICE_DISCOVERED
                events.append(device_event(kind, identity, at, **made))
        for one in differences:
            if one.kind == "changed" and one.device in present and one.device not in devices:
                change = device_event(EventKind.DEVICE_CHANGED, present[one.device], at, field=one.field, old=one.old, new=one.new, **made)
                events.append(change)
            elif one.kind == "missing" and told_devices.get(one.device) == PRESENT and one.device in known:
                devices[one.device] = MISSING
                events.append(device_event(EventKind.DEVICE_MISSING, known[one.device], at, **made))
        told = self.outbox.told(scan.site)
        # a device that the inventory no longer has turned out to be part of another: what was told of it ends
        gone = {one.finding.device for one in told.values() if one.finding.kind != "coverage"} - known.keys() - present.keys()
        judged = present.keys() | gone | set(reached)
        settled = lifecycle.settle(
            told,
            findings,
            at,
            judged=judged,
            kinds=("policy", "firmware", "coverage"),
            devices={**known, **present},
            excepted=excepted,
            gone=gone,
            **made,
        )
        # a sweep sees no traffic, and still ends what is excepted or too old to say anything
        egress = {key: one for key, one in told.items() if one.finding.kind == "egress"}
        old = lifecycle.settle_traffic(
            egress, (), at, devices=known, quiet={}, excepted=excepted, sensor=made["sensor"], version=self._version
        )
        events += [*settled.events, *old.events]
        settled = replace(settled, closed=settled.closed | old.closed, quiet=old.quiet)
        counts = Counter(settled.unchanged)
        if counts:
            events.append(lifecycle.digest(counts, at, site=scan.site, scan_id=scan.id, sensor=made["sensor"], version=self._version))
        events.append(scan_event(scan, at, version=self._version))
        if scan.scope_id:
            events = [replace(event, scope_id=scan.scope_id) for event in events]
        return self.outbox.put(events, self._formats, settled=settled, site=scan.site, devices=devices)

    def traffic(
        self, looks: Iterable[lifecycle.Look], now: datetime, *, site: str, devices: Mapping[str, Identity], excepted: Collection[str] = ()
    ) -> str:
        """Looks at traffic: findings opened, changed and closed, with the traffic that they rest on.

        Returns what went wrong, in words: whoever looks goes on, and the next look tells it.
        """
        try:
            settled = lifecycle.settle_traffic(
                self.outbox.told(site), looks, now, devices=devices, quiet=self.outbox.quiet(site), excepted=excepted,
                sensor=self._sensor, version=self._version,
            )  # fmt: skip
            self.outbox.put(settled.events, self._formats, settled=settled, site=site)
        except StoreError as error:
            return f"events were not queued: {error.problem}"
        return ""

    def content(self, parts: Mapping[str, str], at: datetime) -> int:
        """Content in use, name -> digest; told where it differs from what was in use before."""
        events, facts = [], {}
        for name, digest in parts.items():
            before = self.outbox.fact(f"content.{name}")
            if before == digest:
                continue
            facts[f"content.{name}"] = digest
            if before:
                detail = {"content": name, "digest": digest, "before": before}
                events.append(self._notice(EventKind.CONTENT_UPDATED, f"{name} updated", at, detail))
        return self.outbox.put(events, self._formats, facts=facts) if facts else 0

    def health(self, message: str, at: datetime, *, site: str = "", failed: bool = False, **detail: str) -> int:
        """A word on this sensor."""
        status = "failed" if failed else "ok"
        return self.outbox.put([self._notice(EventKind.SENSOR_HEALTH, message, at, {"status": status} | detail, site=site)], self._formats)

    def action(self, message: str, at: datetime, *, by: str, site: str = "", **detail: str) -> int:
        """What an operator did."""
        return self.outbox.put([self._notice(EventKind.OPERATOR_ACTION, message, at, {"by": by} | detail, site=site)], self._formats)

    def _notice(self, kind: EventKind, message: str, at: datetime, detail: Mapping[str, str], *, site: str = "") -> Event:
        return notice(kind, message, at, detail, site=site, sensor=self._sensor, version=self._version)
