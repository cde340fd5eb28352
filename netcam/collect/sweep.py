"""A sweep from plan to record: who is there (ARP, groups, connects), what each device says, and what became of every address."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from netcam.collect import interfaces as attached_interfaces
from netcam.collect import second_opinion
from netcam.collect.discover import MAX_OF_ONE, MAX_STRANGERS, Discoverer, Found, Heard
from netcam.collect.gate import Gate, OutOfScope, StopSwitch
from netcam.collect.plan import PROFILES, Plan, SweepRequest, described
from netcam.collect.probe import Prober
from netcam.collect.scope import Network, countable, decide, inside
from netcam.errors import ConfigError, shown
from netcam.model import Coverage, CoverageState, Fact, Observation, ScanRecord
from netcam.protocols import http, registry, snmp

__all__ = ["Plan", "Progress", "SweepRequest", "prepare", "sweep"]

HEALTH_TRIES = 3
"""Connects after which a port that was open counts as gone: one lost SYN is no changed behaviour."""
DEVICES_AT_ONCE = 96
"""Devices talked to at the same time; the gate's cap on half-open conversations is the harder bound."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the run stands; `eta` in seconds where it can be told."""

    phase: str
    done: int
    total: int
    found: int
    eta: float | None = None


def prepare(request: SweepRequest) -> Plan:
    """Resolve targets, scope, interfaces and codecs; sends nothing. Raises ScopeError and ConfigError."""
    if request.profile not in PROFILES:
        raise ConfigError("profile", f"no profile {shown(request.profile)}", "use " + ", ".join(PROFILES))
    links = attached_interfaces.attached(request.interfaces)
    networks = decide(request.targets, request.scope, [n for one in links for n in one.networks])
    profile = PROFILES[request.profile]
    return Plan(
        request=request,
        profile=replace(profile, rates=profile.rates.limited(request.rates)),
        networks=networks,
        interfaces=tuple(links),
        discoveries=(
            *(d for d in registry.discoveries().values() if request.profile in d.profiles),
            *((snmp.discovery(request.community),) if request.community else ()),
        ),
        conversations=tuple(c for c in registry.conversations().values() if request.profile in c.profiles),
        paths=tuple(http.PATHS),
    )


async def sweep(
    plan: Plan,
    *,
    record: Callable[[Sequence[Observation]], None],
    cover: Callable[[Coverage], None],
    keep: Callable[[bytes], str],
    progress: Callable[[Progress], None],
    stop: StopSwitch,
    unknown: Callable[[Sequence[Observation]], bool] | None = None,
    certain: Callable[[Sequence[Observation]], bool] | None = None,
) -> ScanRecord:
    """Run the plan; ends early, with what it has, when `stop` is set.

    `record` is given each device as it is finished, `cover` each address of the scope, `keep` each raw answer.
    `unknown` says of a device's observations whether they leave open what it is: those that do are shown to nmap, where the plan says so.
    `certain` says whether they leave no doubt: such a device is not asked everything that the plan has, unless its profile is thorough.
    """
    run = _Run(plan, record, cover, keep, progress, stop, unknown, certain)
    with one_run_per_site(plan.request.site, plan.request.state_dir):
        try:
            finished = await until_stopped(run.work(), stop, over=lambda: run.gate.over)
        finally:
            run.gate.close()
    if not finished and run.gate.over and plan.request.scope is not None:
        run.notes.append(f"the scope {plan.request.scope.id} is in force until {plan.request.scope.until}: nothing was sent after that")
    return run.result(complete=finished)


async def until_stopped(work: Coroutine[Any, Any, None], stop: StopSwitch, *, over: Callable[[], bool] = lambda: False) -> bool:
    """Await `work` unless `stop` comes first, or `over` turns true, which stops it; returns whether it was finished."""

    async def watch() -> None:
        while not over():  # noqa: ASYNC110 - what it waits for is the machine's clock, which may be set
            await asyncio.sleep(1.0)
        stop.set()

    async with asyncio.TaskGroup() as group:
        main = group.create_task(work)
        watcher, clock = group.create_task(stop.wait()), group.create_task(watch())
        await asyncio.wait({main, watcher}, return_when=asyncio.FIRST_COMPLETED)
        watcher.cancel()
        clock.cancel()
        if not main.done():
            main.cancel()
            return False
    return not stop.is_set()


@contextlib.contextmanager
def one_run_per_site(site: str, state_dir: Path) -> Iterator[None]:
    """Hold the site's lock: one conversation at a time with each device. Raises ConfigError where another run holds it."""
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in site)[:64]
    path = state_dir / f"{name}.lock"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be written", "set NETCAM_HOME to a folder that can be written") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"site {site}", "another run is sweeping this site", "wait until it has ended") from None
        yield
    finally:
        os.close(descriptor)


class _Run:
    """One run in progress."""

    def __init__(
        self,
        plan: Plan,
        record: Callable[[Sequence[Observation]], None],
        cover: Callable[[Coverage], None],
        keep: Callable[[bytes], str],
        progress: Callable[[Progress], None],
        stop: StopSwitch,
        unknown: Callable[[Sequence[Observation]], bool] | None,
        certain: Callable[[Sequence[Observation]], bool] | None,
    ) -> None:
        self.unknown, self.certain = unknown, certain
        self.doubtful: dict[str, list[int]] = {}
        """Open ports of the devices that stay unknown."""
        self.plan, self.record, self.cover, self.keep, self.progress, self.stop = plan, record, cover, keep, progress, stop
        request = plan.request
        groups = {q.host for _, q in plan.questions("00000000-0000-4000-8000-000000000000") if q.host != "{unicast}"}
        self.gate = Gate(
            networks=plan.networks,
            scope=request.scope,
            rates=plan.profile.rates,
            stop=stop,
            groups=sorted(groups),
            audit=request.state_dir / "audit" / f"{request.scan}.jsonl",
        )
        self.started = self._now()
        self.began = time.monotonic()
        self.totals: dict[str, int] = {state.value: 0 for state in CoverageState}
        self.notes: list[str] = []
        self.covered: set[str] = set(request.done)
        self.found: dict[str, Found] = {}
        self.opened: dict[str, int] = {}
        self.unreached: dict[str, str] = {}
        self.failed: list[Network] = []
        """Networks of which no address could be reached: an error, not an empty network."""
        self.discoverer = Discoverer(plan, self.gate, self.found, self.notes, self.unreached, self._tell)

    @staticmethod
    def _now() -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the edge where observations get their time

    def _tell(self, phase: str, done: int, total: int) -> None:
        elapsed = time.monotonic() - self.began
        eta = elapsed / done * (total - done) if done >= 3 else None
        self.progress(Progress(phase, done, total, len(self.found), eta))

    async def work(self) -> None:
        """The phases of a run."""
        await self.discoverer.run()
        prober = Prober(self.plan, self.gate, self._certain if self.certain is not None else None)
        todo = self._to_ask()
        await self._ask(prober, todo)
        await self.discoverer.again()
        late = [a for a in self._to_ask() if a not in self.covered]
        late = [a for a in late if self.found[a].first_via == "arp"] + [a for a in late if self.found[a].first_via != "arp"][:MAX_OF_ONE]
        if late:
            await self._ask(prober, late)  # a busy network or machine is late; forged answers, which need no ARP, have no end
            todo += late
        await self.discoverer.close()
        attached = [n for i in self.plan.interfaces for n in i.networks]
        # a neighbour that the targets leave out and that spoke by itself is no device on the wrong range
        strangers = [a for a in self.found if not inside(ip_address(a.partition("%")[0]), [*self.plan.networks, *attached])]
        for address in strangers[:MAX_STRANGERS]:
            self._finish(address, self.found[address], [], off_subnet=True)
        if len(strangers) > MAX_STRANGERS:
            self.notes.append(
                f"{len(strangers)} addresses outside the networks answered, more than devices can be: {MAX_STRANGERS} are told of"
            )
        if self.doubtful:
            await self._second_opinion()
        await self._health(todo)

    def _to_ask(self) -> list[str]:
        """The devices that are to be asked; those that are not, though they are there, are covered."""
        left, todo = self.discoverer.crowded, []
        for address in [a for a in self.found if a not in self.covered]:
            if not self.gate.permits(ip_address(address.partition("%")[0])):
                continue
            if address in self.discoverer.shunned:
                self._cover(Coverage(address=address, state=CoverageState.EXCLUDED, reason=self.discoverer.shunned[address]))
            elif address in left:
                self._cover(Coverage(address=address, state=CoverageState.NOT_REACHED, reason=left[address]))
            elif self.discoverer.second_family(address):
                self._finish(address, self.found[address], [])  # one device on both families is asked once
            else:
                todo.append(address)
        return todo

    async def _ask(self, prober: Prober, todo: Sequence[str]) -> None:
        """Ask devices what they are, many at a time, and record each as it is done."""
        slots = asyncio.Semaphore(DEVICES_AT_ONCE)
        done = 0
        self.began = time.monotonic()
        self._tell("asking devices", 0, len(todo))

        async def one(address: str) -> None:
            nonlocal done
            async with slots:
                facts = await prober.device(address, self.found[address])
                for via, endpoint, fact, _ in facts:
                    if via == "port" and fact.field == "port.open":
                        self.opened.setdefault(address, int(endpoint.rpartition(":")[2]))
                self._finish(address, self.found[address], facts)
            done += 1
            self._tell("asking devices", done, len(todo))

        async with asyncio.TaskGroup() as group:
            for address in todo:
                group.create_task(one(address))

    async def _second_opinion(self) -> None:
        """Let nmap look at what stays unknown, and record what it says."""
        self._tell("a second opinion on what stays unknown", 0, len(self.doubtful))
        facts, raw = await second_opinion.ask(self.gate, self.doubtful, self.notes)
        for address, told in facts.items():
            self._record(address, self.found[address], [("nmap", endpoint, fact, raw[address]) for endpoint, fact in told], first=False)

    async def _health(self, asked: Sequence[str]) -> None:
        """Connect once more to a port that was open: a device that no longer answers after it was asked is told of."""
        self._tell("checking that all devices still answer", 0, len(asked))

        async def one(address: str) -> None:
            port = self.opened.get(address)
            if port is None:
                return
            for _ in range(HEALTH_TRIES):
                if address not in self.gate.left_alone:
                    with contextlib.suppress(OSError, OutOfScope, TimeoutError):
                        async with self.gate.connect(address, port, "health", timeout=2.0):
                            return
                await asyncio.sleep(1.0)
            self.notes.append(f"{address}: changed behaviour: port {port} was open and no longer answers; look at this device")

        async with asyncio.TaskGroup() as group:
            for address in asked:
                group.create_task(one(address))

    def _finish(self, address: str, seen: Found, answers: list[Heard], *, off_subnet: bool = False) -> None:
        """Record a device and cover its address."""
        if self.stop.is_set():
            return
        self._record(address, seen, answers)
        state, reason = CoverageState.ANSWERED, f"by {seen.first_via}"
        if off_subnet:
            state, reason = CoverageState.OFF_SUBNET, f"answers from outside the networks swept; heard by {seen.first_via}"
        elif seen.first_via == "connect" and not seen.open_port and not seen.answers and not answers:
            state, reason = CoverageState.REFUSED, "refuses every port that was asked; nothing else shows that it is there"
        self._cover(Coverage(address=address, state=state, reason=reason))

    def _record(self, address: str, seen: Found, answers: list[Heard], *, first: bool = True) -> None:
        """Record what a device said; `first`: what was heard while it was looked for is new too."""
        digests: dict[bytes, str] = {}

        def kept(raw: bytes) -> str:
            if raw and raw not in digests:
                digests[raw] = self.keep(raw)
            return digests.get(raw, "")

        observations = self._observed(address, seen, answers, kept, first=first)
        self.record(observations)
        ports = [int(o.value) for o in observations if o.field == "port.open" and o.via == "port"]
        if first and ports and self.plan.request.second_opinion and self.unknown is not None and self.unknown(observations):
            self.doubtful[address] = ports

    def _certain(self, address: str, answers: list[Heard]) -> bool:
        """Whether what a device has said so far leaves no doubt what it is."""
        return self.certain is not None and self.certain(self._observed(address, self.found[address], answers, lambda _: ""))

    def _observed(
        self, address: str, seen: Found, answers: list[Heard], kept: Callable[[bytes], str], *, first: bool = True
    ) -> list[Observation]:
        """What a device said, stamped with who saw it, where and when; `kept` gives the digest of a raw answer."""
        request, at = self.plan.request, self._now()
        said = [*(seen.answers if first else ()), *answers]
        if seen.mac:
            said.insert(0, (seen.mac_via, address, Fact("mac", seen.mac), b""))
        if not said:
            alive = Fact("port.open" if seen.open_port else "host.alive", seen.open_port or seen.first_via)
            said.append((seen.first_via, address, alive, b""))
        return [
            Observation(
                field=fact.field, value=fact.value, at=at, site=request.site, sensor=request.sensor, endpoint=endpoint,
                mac=seen.mac, via=via, scan=request.scan, raw=kept(raw),
            )
            for via, endpoint, fact, raw in said
        ]  # fmt: skip

    def _cover(self, one: Coverage) -> None:
        self.covered.add(one.address)
        self.totals[one.state.value] += 1
        self.cover(one)

    def _rest(self, complete: bool) -> None:
        """Say what became of every address that no device answered for."""
        own = {str(a.ip) for link in self.plan.interfaces for a in link.addresses}
        for network in self.plan.networks:
            if not countable(network):
                if self.plan.on_link(network) is not None:
                    self.notes.append(f"{network}: too large to ask every address; only what answered or announced itself was found")
                else:
                    reason = "too large to ask every address, and on no link of this machine: not asked at all"
                    self._cover(Coverage(address=str(network), state=CoverageState.NOT_REACHED, reason=reason))
                    self.failed.append(network)
                continue
            before = dict(self.totals)
            for address in self.plan.hosts(network):
                text = str(address)
                if text in self.covered:
                    continue
                if not self.gate.permits(address):
                    self._cover(Coverage(address=text, state=CoverageState.EXCLUDED, reason="excluded by the scope file"))
                elif text in own:
                    self._cover(Coverage(address=text, state=CoverageState.EXCLUDED, reason="this machine's own address"))
                elif text in self.found:
                    # found, but not asked to the end: what is known is kept, and a resumed run asks it
                    self._record(text, self.found[text], [])
                    why = "it was too late to ask it" if complete else "the run was interrupted before it was asked"
                    reason = f"seen by {self.found[text].first_via}; {why}"
                    self._cover(Coverage(address=text, state=CoverageState.NOT_REACHED, reason=reason))
                elif text in self.unreached:
                    self._cover(Coverage(address=text, state=CoverageState.NOT_REACHED, reason=self.unreached[text]))
                elif not complete:
                    self._cover(Coverage(address=text, state=CoverageState.NOT_REACHED, reason="the run was interrupted before its turn"))
                else:
                    self._cover(Coverage(address=text, state=CoverageState.SILENT, reason=self.discoverer.silence(network)))
            gone, quiet = (self.totals[s.value] - before[s.value] for s in (CoverageState.NOT_REACHED, CoverageState.SILENT))
            if gone and complete and not any(ip_address(a.partition("%")[0]) in network for a in self.found) and not quiet:
                self.failed.append(network)
            elif quiet and not any(ip_address(a.partition("%")[0]) in network for a in self.found):
                self.notes.append(
                    f"{network}: nothing answered, and that may be a filter on the way: this does not show that nothing is there"
                )

    def _each(self) -> dict[str, int]:
        """Packets that a device that was found was sent, in the mean."""
        sent = [self.gate.sent_to[a] for a in self.found if a in self.gate.sent_to]
        return {"sent.device.mean": round(sum(sent) / len(sent))} if sent else {}

    def result(self, *, complete: bool) -> ScanRecord:
        """Cover what is left and sum up."""
        unasked = 0 if complete else len([a for a in self.found if a not in self.covered])
        self._rest(complete)
        request = self.plan.request
        if unasked:
            self.notes.append(
                f"interrupted: {unasked} devices were seen and not asked to the end; `netcam scan --resume` goes on with them"
            )
        for network in self.failed:
            reason = next((r for a, r in self.unreached.items() if ip_address(a) in network), "not asked")
            self.notes.append(f"{network}: NOT REACHED ({reason}): nothing is known of the devices there")
        if self.totals[CoverageState.NOT_REACHED.value] and complete:
            self.notes.append("some addresses could not be reached: this is not the same as no device being there")
        if not self.found:
            self.notes.append(f"nothing answered in {described(self.plan.networks)}: check cable, VLAN and privileges before believing it")
        return ScanRecord(
            id=request.scan, site=request.site, sensor=request.sensor, targets=tuple(str(n) for n in self.plan.networks),
            profile=request.profile, scope_id=request.scope.id if request.scope else "", started=self.started, finished=self._now(),
            status="interrupted" if not complete else "failed" if self.failed else "complete",
            totals=self.totals | self.gate.totals() | self._each(), notes=tuple(self.notes),
        )  # fmt: skip
