"""`netcam egress`: where the devices of a network call."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import flow_archive, judging, output
from netcam.cli.egress_told import Told
from netcam.cli.scan import ConfigOption, ContentOption, EventsOption, FailOnOption, FormatOption, StoreOption, telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from netcam.flows.live_proof import LivePackets
    from netcam.flows.proof import Proof
    from netcam.flows.retention import Retention
    from netcam.flows.table import FlowTable
    from netcam.model import Finding, Identity
    from netcam.pipeline import EgressWatch
    from netcam.sinks.lifecycle import Look
    from netcam.sinks.teller import Teller

app = typer.Typer(help="Flows of devices, named and judged.", no_args_is_help=True, rich_markup_mode=None)
flow_archive.register(app)
judging.register(app)

MAX_FOLLOWED = 8
"""Batches of findings whose packets are waited for at a time; of more nothing is kept."""
REFRESH_SECONDS = 600.0
"""How often a watch looks what the inventory has learnt: a lease that passes to another camera must not take its traffic along."""
WINDOW_SECONDS = 300.0
"""Seconds of one window of a watch: short enough to see an upload while it runs, and a checkpoint that loses little."""
SiteOption = Annotated[str, typer.Option("--site")]
FlowsOption = Annotated[bool, typer.Option("--flows", help="Print every flow too.")]
ArchiveOption = Annotated[Path | None, typer.Option("--archive", help="Folder of the flow archive; flows are written there too.")]
NetworksOption = Annotated[
    Path | None, typer.Option("--networks", help="MMDB file with ASN and country, in place of the packaged database.")
]
PayloadOption = Annotated[bool, typer.Option("--proof-payload", help="Keep the packets' payload in the proof too.")]
IdleOption = Annotated[float, typer.Option("--idle-timeout", help="Seconds of silence that end a flow; 0: never.")]


@app.command()
def analyse(
    files: Annotated[
        list[Path], typer.Argument(help="Captures (pcap, pcapng; .gz .zst .xz .bz2), flow logs, nfcapd files, folders of Zeek.")
    ],
    site: SiteOption = "default",
    format_: FormatOption = output.Format.AUTO,
    fail_on: FailOnOption = None,
    flows: FlowsOption = False,
    archive: ArchiveOption = None,
    networks: NetworksOption = None,
    idle: IdleOption = 300.0,
    active: Annotated[float, typer.Option("--active-timeout", help="Seconds after which a long flow is told in parts; 0: never.")] = 0.0,
    proof: Annotated[
        Path | None, typer.Option("--proof", help="Folder for the first packets of each finding as pcap, headers only.")
    ] = None,
    payload: PayloadOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
    events: EventsOption = True,
) -> None:
    """Read captures and flow logs, name the flows, and say which camera sends data where."""
    from netcam import config as settings_file
    from netcam.flows import files as reading

    settings = settings_file.load(config)
    internal = settings.internal(site)

    def begun(file: Path) -> Iterator[FlowTable]:
        return reading.windows(file, internal=internal, idle=idle, active=active, now=modified(file))

    first: Iterator[FlowTable] | None = begun(files[0])  # a capture is being read while what judges it is imported
    from netcam.pipeline import Content, EgressWatch, restricted, site_rules

    identities, seen, _ = known(store, site)
    loaded = Content(content)
    limited = restricted(identities, loaded, settings.site(site), output.clock())
    everything: list[Finding] = []
    with telling(settings, wanted=events) as teller:
        for file in files:
            judge = EgressWatch(
                identities,
                loaded,
                site=site,
                rules=site_rules(settings, site),
                limited=limited,
                internal=internal,
                archive=archive,
                networks=networks,
                sightings=seen,
                seed=settings.egress.community_id_seed,
                source=str(file.resolve().parent),
                archived_as=reading.fingerprint(file) if archive else "",
            )
            told = Told(str(file), format_, flows)
            kept: dict[str, Proof] = {}
            tables, first = first or begun(file), None
            for table in tables:
                judge.add(table)
                told.window(table)
            found = judge.finish(whole=told.only)
            looks = judge.looks()
            if proof is not None:
                kept = proven(file, told, found, judge, begun(file), payload=payload)
                for one in kept.values():
                    one.write(proof)
                found, looks = with_proofs(found, looks, kept)
            found, raised = concluded(
                found, looks, output.clock(), store=store, site=site, identities=identities, teller=teller, proofs=kept
            )
            everything += raised
            told.end(found, identities)
    raise typer.Exit(output.fail_code(everything, fail_on))


@app.command()
def watch(
    interface: Annotated[str | None, typer.Option("--interface", "-i", help="Interface that sees the traffic (SPAN port, bridge).")] = None,
    netflow: Annotated[str | None, typer.Option("--netflow", help="ADDRESS:PORT for NetFlow v5, v9, IPFIX and sFlow.")] = None,
    zeek: Annotated[Path | None, typer.Option("--zeek", help="Folder that Zeek writes its logs into.")] = None,
    suricata: Annotated[Path | None, typer.Option("--suricata", help="Suricata's eve.json.")] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="Stop after this time; default: until Ctrl-C, which is no interruption here.")
    ] = None,
    every: Annotated[float, typer.Option("--every", help="Seconds of a window.")] = WINDOW_SECONDS,
    filter_: Annotated[str, typer.Option("--filter", help="BPF program as `tcpdump -ddd EXPRESSION` prints it.")] = "",
    fanout: Annotated[int, typer.Option("--fanout", help="Group number of several watches that share one interface; 0: alone.")] = 0,
    site: SiteOption = "default",
    format_: FormatOption = output.Format.AUTO,
    fail_on: FailOnOption = None,
    flows: FlowsOption = False,
    archive: ArchiveOption = None,
    checkpoint: Annotated[Path | None, typer.Option("--checkpoint", help="File for open conversations; a restart takes them up.")] = None,
    networks: NetworksOption = None,
    idle: IdleOption = 300.0,
    active: Annotated[float, typer.Option("--active-timeout", help="Seconds after which a long flow is told in parts; 0: never.")] = 1800.0,
    proof: Annotated[
        Path | None, typer.Option("--proof", help="Folder for the packets that follow each finding, as pcap, headers only (--interface).")
    ] = None,
    payload: PayloadOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
    events: EventsOption = True,
) -> None:
    """Listen on an interface (no packet is sent), to exporters or to logs, and say which camera sends data where."""
    from netcam import config as settings_file
    from netcam.errors import ConfigError
    from netcam.pipeline import Content, EgressWatch, restricted, site_rules, stopped_by_signal

    given = [
        name for name, value in (("--interface", interface), ("--netflow", netflow), ("--zeek", zeek), ("--suricata", suricata)) if value
    ]
    if len(given) != 1:
        raise ConfigError(
            "egress watch", f"{', '.join(given) or 'no source'} given", "give one of --interface, --netflow, --zeek and --suricata"
        )
    if proof is not None and not interface:
        raise ConfigError("--proof", "there are no packets in this source", "give it with --interface")
    settings = settings_file.load(config)
    internal = settings.internal(site)
    identities, seen, upto = known(store, site)
    loaded = Content(content)
    archive = archive or settings.flow_archive
    kept = flow_archive.retention(archive, settings) if archive else None
    keeper: Any = None
    if interface and checkpoint is not None:
        from netcam.flows.archive import Archive
        from netcam.flows.checkpoint import Keeper

        flow_archive.checked_site(site)
        keeper = Keeper(checkpoint, Archive(archive) if archive else None, site, interface)
    judge = EgressWatch(
        identities, loaded, site=site, rules=site_rules(settings, site), internal=internal, archive=None if keeper else archive,
        limited=restricted(identities, loaded, settings.site(site), output.clock()), networks=networks, sightings=seen,
        seed=settings.egress.community_id_seed, state=checkpoint.with_suffix(".judge") if checkpoint else None,
        source=interface or netflow or str((zeek or suricata or Path()).resolve()),
    )  # fmt: skip
    told = Told(interface or netflow or str(zeek or suricata), format_, flows)

    def tables() -> Iterator[FlowTable]:
        if interface:
            from netcam.flows import live

            yield from live.windows(
                interface, live.Settings(internal, filter_, fanout, idle, active), seconds=seconds, every=every, keeper=keeper,
                prepare=judge.prepare, note=told.note, stop=stop,
            )  # fmt: skip
        elif netflow:
            from netcam.flows import collector

            yield from collector.windows(netflow, seconds=seconds, every=every, internal=internal, stop=stop)
        else:
            from netcam.flows import follow

            if archive:
                flow_archive.checked_site(site)
            kept_at = checkpoint.with_suffix(".places") if checkpoint else archive / f".{site}.places" if archive else None
            yield from follow.windows(
                zeek=zeek, suricata=suricata, seconds=seconds, every=every, internal=internal, stop=stop, places=kept_at
            )

    met: dict[str, int] = {}
    everything: list[Finding] = []
    with telling(settings, wanted=events, meanwhile=True) as teller, stopped_by_signal(threading.Event()) as stop:

        def conclude(found: list[Finding]) -> list[Finding]:
            fresh, raised = concluded(
                grown(found, met), judge.looks(), output.clock(), store=store, site=site, identities=identities, teller=teller
            )
            everything.extend(raised)
            return fresh

        def prove(found: list[Finding], proofs: Mapping[str, Proof]) -> None:
            if found:
                concluded(found, [], output.clock(), store=store, site=site, identities=identities, teller=teller, proofs=proofs)

        follower = Follower(interface, proof, identities, told, payload=payload) if interface and proof is not None else None
        asked = time.monotonic()
        for table in tables():
            if time.monotonic() - asked >= REFRESH_SECONDS:
                asked = time.monotonic()
                if (newer := newly_known(store, site, upto)) is not None:
                    identities, seen, upto = newer
                    if follower is not None:
                        follower.learn(identities)
                    judge.learn(identities, seen, restricted(identities, loaded, settings.site(site), output.clock()))
            judge.add(table, now=time.time_ns())
            told.window(table)
            if kept is not None:
                thinned(kept, told)
            found = judge.ready()
            fresh = conclude(found)
            told.findings(fresh, identities)
            if follower is not None:
                prove(*follower.ended())
                keys = {one.key for one in fresh}
                follower.follow([one for one in found if one.key in keys])  # without the words of decisions, which are no evidence
        last = conclude(judge.finish(whole=told.only))
        if follower is not None:
            prove(*follower.ended(everything=True))
    told.end(last, identities)
    raise typer.Exit(output.fail_code(everything, fail_on))


class Follower:
    """Keeps the packets that follow findings of a watch."""

    def __init__(self, interface: str, folder: Path, identities: Sequence[Identity], told: Told, *, payload: bool) -> None:
        self._told = told
        self._interface, self._folder, self._payload = interface, folder, payload
        self._open: list[tuple[LivePackets, dict[str, Finding]]] = []
        self.learn(identities)

    def learn(self, identities: Sequence[Identity]) -> None:
        """Take on what the inventory knows by now."""
        self._addresses = {one.device: one.addresses for one in identities}

    def follow(self, fresh: Sequence[Finding]) -> None:
        """Listen for the packets of findings that have just been made."""
        from netcam.flows.live_proof import LivePackets
        from netcam.flows.proof import coming

        if not (wanted := coming(fresh, self._addresses)):
            return
        if len(self._open) >= MAX_FOLLOWED:
            self._told.note(
                f"the packets of {len(fresh)} findings are not kept: those of {MAX_FOLLOWED} earlier batches are still waited for"
            )
            return
        self._open.append((LivePackets(self._interface, wanted, payload=self._payload), {f.key: f for f in fresh}))

    def ended(self, *, everything: bool = False) -> tuple[list[Finding], dict[str, Proof]]:
        """Findings whose packets are there, with the line of evidence, and the packets; each is printed once."""
        found: list[Finding] = []
        proofs: dict[str, Proof] = {}
        for packets, findings in [one for one in self._open if everything or one[0].ended]:
            self._open = [one for one in self._open if one[0] is not packets]
            made = packets.close()
            for key, kept in made.items():
                kept.write(self._folder)
                self._told.proof(key, kept)
            found += [one for one in with_proofs(list(findings.values()), [], made)[0] if one.key in made]
            proofs |= made
        return found, proofs


def thinned(kept: Retention, told: Told) -> None:
    """Remove what the archive does not keep, where a day has turned; a folder that cannot be removed is no reason to stop listening."""
    from netcam.errors import StoreError

    try:
        gone = kept.turn(output.clock().date())
    except StoreError as error:
        told.note(str(error).replace("\n", " "))
        return
    if gone:
        told.note(f"{len(gone)} days of flows were removed from the archive, as the settings say ([egress])")


def concluded(
    fresh: Sequence[Finding], looks: Sequence[Look], now: datetime, *, store: str | None, site: str, identities: Sequence[Identity],
    teller: Teller | None, proofs: Mapping[str, Proof] = MappingProxyType({}),
) -> tuple[list[Finding], list[Finding]]:  # fmt: skip
    """Keep what was found of known devices in their inventory, with its packets, and tell the receivers what opened, changed and closed;
    returns the findings, each with what people decided of it, and those of them that still count."""
    from dataclasses import replace

    from netcam.assess.decisions import Decisions
    from netcam.pipeline import sign, tell_traffic

    held = Decisions()
    if identities and (fresh or looks):
        from netcam.inventory import open_inventory
        from netcam.inventory.decided import decisions

        devices = {one.device for one in identities}
        inventory = open_inventory(store)
        try:
            if mine := [one for one in fresh if one.device in devices]:
                for one in mine:
                    if one.key in proofs:
                        inventory.keep(proofs[one.key].body)
                inventory.save_findings(None, mine, now)
                sign(inventory, now)
            held = decisions(inventory)
        finally:
            inventory.close()
    if teller and (problem := tell_traffic(teller, looks, now, site=site, identities=identities, decisions=held)):
        output.say(problem)
    stands = [held.of(one, now.date()) for one in fresh]
    told = [replace(one, evidence=(*one.evidence, stand.text)) if stand.text else one for one, stand in zip(fresh, stands, strict=True)]
    return told, [one for one, stand in zip(told, stands, strict=True) if stand.raised]


def with_proofs(found: list[Finding], looks: Sequence[Look], proofs: Mapping[str, Proof]) -> tuple[list[Finding], list[Look]]:
    """Findings, there and in what is told, with a line of evidence about the packets that were kept for them."""
    from dataclasses import replace

    def told(one: Finding) -> Finding:
        return replace(one, evidence=(*one.evidence, proofs[one.key].line)) if one.key in proofs else one

    return [told(f) for f in found], [replace(look, findings=[told(f) for f in look.findings]) for look in looks]


def proven(
    file: Path, told: Told, found: list[Finding], judge: EgressWatch, windows: Iterator[FlowTable], *, payload: bool
) -> dict[str, Proof]:
    """The first packets of each finding, from the capture read once more; `windows` reads its flows again where there were several."""
    from netcam.flows import files as reading
    from netcam.flows import proof

    if not found:
        return {}
    if not reading.is_capture(file):
        told.note("the source is no capture: no packets can be kept as proof")
        return {}
    wanted = proof.wanted(found)
    for table in (told.only,) if told.only is not None else windows:
        judge.prepare(table)
        proof.look(table, wanted)
    return proof.collect(file, wanted, payload=payload)


def modified(path: Path) -> int:
    """When a file was last written, in ns: for logs that write no year."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return time.time_ns()


def known_devices(store: str | None, site: str | None) -> Sequence[Identity]:
    """The inventory's devices of the site; none where there is no inventory yet."""
    return known(store, site)[0]


def newly_known(store: str | None, site: str, upto: int) -> tuple[Sequence[Identity], Sequence[tuple[str, str, int]], int] | None:
    """As `known`, with the sightings since `upto`; None where nothing was observed since, or the inventory cannot be read now."""
    from netcam.errors import StoreError
    from netcam.inventory import chosen, open_inventory
    from netcam.pipeline import learnt

    if "://" not in (where := chosen(store)) and not Path(where).expanduser().exists():
        return None
    try:
        inventory = open_inventory(store)
        try:
            return learnt(inventory, site, upto, output.clock())
        finally:
            inventory.close()
    except StoreError as error:
        output.say(f"what the inventory has learnt could not be read: {error.problem}")
        return None


def grown(found: Sequence[Finding], met: dict[str, int]) -> list[Finding]:
    """Findings that are new, or weigh more than when they were met (key -> rank)."""
    fresh = [one for one in found if one.rank > met.get(one.key, -1)]
    met.update((one.key, one.rank) for one in fresh)
    return fresh


def known(store: str | None, site: str | None) -> tuple[Sequence[Identity], Sequence[tuple[str, str, int]], int]:
    """The inventory's devices of a site, who had which address since when (`pipeline.sightings`), and up to which observation that is."""
    from netcam.inventory import chosen, open_inventory

    if "://" not in (where := chosen(store)) and not Path(where).expanduser().exists():
        # a watch may begin before the first sweep: no error, but it must not go unsaid
        output.say(f"there is no inventory {where}: which devices are cameras, and whose, is not known")
        return [], [], 0

    inventory = open_inventory(store)
    try:
        upto = inventory.newest()
        identities = list(inventory.identities(site=site))
        if site is None:
            return identities, [], upto
        from netcam.pipeline import sightings

        return identities, sightings(inventory, identities, site), upto
    finally:
        inventory.close()
