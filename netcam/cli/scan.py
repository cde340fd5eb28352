"""`netcam scan`: sweep the networks the operator is authorised to sweep."""

from __future__ import annotations

import os
import platform
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import output
from netcam.errors import ConfigError, StoreError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netcam.collect.scope import Scope
    from netcam.collect.sweep import Progress
    from netcam.config import Settings
    from netcam.inventory.port import Inventory
    from netcam.model import Identity, Observation, ScanRecord
    from netcam.pipeline import Judged
    from netcam.sinks.teller import Teller

MAX_COMMUNITY = 255
"""Characters of an SNMP community: more than any agent takes."""
UNREACHED = 4
"""Exit code where a network of the targets could not be reached: that is no empty network."""
PROFILES = ("passive", "polite", "standard", "deep")
PASSIVE_SECONDS = 600.0
"""How long the passive profile listens where nothing else is said: most devices announce themselves or are asked by others within."""
DELIVER_SECONDS = 10.0
"""How long `netcam scan` goes on delivering; what is left goes with the next scan, `netcam run` or `netcam events deliver`."""

ScopeOption = Annotated[Path | None, typer.Option("--scope", help="Scope file: what you are authorised to sweep.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file; default: netcam.toml here, if there is one.")]
StoreOption = Annotated[str | None, typer.Option("--store", help="Inventory: a file, or a database URL.")]
ContentOption = Annotated[str | None, typer.Option("--content", help="Folder with makers/, policies/, destinations/.")]
FormatOption = Annotated[output.Format, typer.Option("--format", help="auto: table on a terminal, JSON lines in a pipe.")]
EventsOption = Annotated[bool, typer.Option("--events/--no-events", help="Tell the sinks of the settings what was found.")]
FailOnOption = Annotated[
    output.Level | None,
    typer.Option("--fail-on", help="Exit with 10 where a finding stands at this level or above; unknown counts as advisory."),
]


def cache_folder() -> Path:
    """Where compiled content may be kept; safe to delete."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "netcam"


def state_folder() -> Path:
    """Where locks and audit logs stand."""
    base = os.environ.get("NETCAM_HOME")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")) / "netcam"


def scan(
    targets: Annotated[list[str] | None, typer.Argument(help="Addresses, networks or ranges; default: attached private networks.")] = None,
    site: Annotated[str, typer.Option("--site", help="Site id, as in the settings.")] = "default",
    profile: Annotated[
        str, typer.Option("--profile", help="passive (only listens), polite, standard or deep: how much is asked.")
    ] = "polite",
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="Passive: listen this long; default 600.")] = None,
    scope: ScopeOption = None,
    interface: Annotated[list[str] | None, typer.Option("--interface", "-i", help="Only on these interfaces.")] = None,
    vlan: Annotated[
        list[str] | None,
        typer.Option("--vlan", help="Also VLANs that come tagged: TRUNK:NUMBER=OWN-ADDRESS/PREFIX, as in eth0:20=10.1.20.5/24."),
    ] = None,
    snmp_community: Annotated[
        Path | None, typer.Option("--snmp-community", help="File whose first line is the SNMP community to ask with; none is ever guessed.")
    ] = None,
    nmap: Annotated[
        bool | None, typer.Option("--nmap/--no-nmap", help="A second opinion by nmap on what stays unknown; default: with --profile deep.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print every probe and the packet budget; send nothing.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the site's last interrupted run.")] = False,
    format_: FormatOption = output.Format.AUTO,
    fail_on: FailOnOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
) -> None:
    """Sweep networks, identify what answers, hold it against the policies, and keep it all in the inventory."""
    if profile not in PROFILES:
        from netcam.catalog.text import nearest

        raise ConfigError("--profile", f"no profile {shown(profile)}", nearest(profile, PROFILES))
    if seconds is not None and profile != "passive":
        raise ConfigError("--seconds", f"the profile {profile} ends when it has asked everybody", "leave it out, or take --profile passive")
    if profile == "passive":
        silently(
            targets, site, scope, interface, vlan, dry_run, resume, seconds or PASSIVE_SECONDS, format_, fail_on, store, config, content
        )
        return
    from netcam import config as settings_file
    from netcam.collect import scope as scopes
    from netcam.collect import vlan as vlans
    from netcam.collect.gate import StopSwitch
    from netcam.collect.sweep import SweepRequest, prepare
    from netcam.inventory import open_inventory
    from netcam.inventory.runs import clock_behind
    from netcam.pipeline import Content, interrupted_by_signal, sweep

    settings = settings_file.load(config)
    wanted_scope = scope or settings.scope_path(site)
    authorised = scopes.load(wanted_scope, now=output.clock()) if wanted_scope else None
    tagged = [vlans.parse(text) for text in vlan or ()]
    inventory = None if dry_run else open_inventory(store, settings=settings, make=True)
    joined = ExitStack()
    try:
        joined.enter_context(interrupted_by_signal())
        joined.enter_context(vlans.joined(tagged, silent=dry_run))
        scan_id, done = uuid.uuid4().hex[:12], frozenset[str]()
        if resume and inventory is not None:
            scan_id, done, targets = last_interrupted(inventory, site, targets)
        request = SweepRequest(
            site=site,
            sensor=settings.sensor or platform.node() or "sensor",
            scan=scan_id,
            targets=tuple(targets or ()),
            scope=authorised,
            profile=profile,
            interfaces=(*interface, *(one.name for one in tagged)) if interface else (),
            done=done,
            state_dir=state_folder(),
            second_opinion=profile == "deep" if nmap is None else nmap,
            rates=settings.rates.bounds(),
            community=community_of(snmp_community),
            excluded=excluded_macs(inventory, site, authorised),
        )
        plan = prepare(request)
        if inventory is None:
            show_plan(plan, format_)
            return
        if behind := clock_behind(inventory, output.clock()):
            output.say(behind)
        loaded = Content(content, cache=cache_folder(), local=settings.policies_path())
        _ = loaded.matcher, loaded.policies, loaded.families  # wrong content must stop the run before a packet leaves
        with progress_on_stderr() as progress, telling(settings) as teller:
            finished, judged = sweep(
                plan, inventory, loaded, settings.site(site), clock=output.clock, progress=progress, stop=StopSwitch(), teller=teller
            )
        seen = observed(inventory.observations(scan=finished.id))
        show_result(finished, judged, seen, format_)
    finally:
        joined.close()
        if inventory is not None:
            inventory.close()
    if finished.status == "interrupted":
        raise typer.Exit(output.INTERRUPTED_EXIT)
    code = output.fail_code(judged.raised(), fail_on)
    raise typer.Exit(code or (UNREACHED if finished.status == "failed" else 0))


def silently(
    targets: list[str] | None, site: str, scope: Path | None, interface: list[str] | None, vlan: list[str] | None, dry_run: bool, resume: bool,
    seconds: float, format_: output.Format, fail_on: output.Level | None, store: str | None, config: Path | None, content: str | None,
) -> None:  # fmt: skip
    """The passive profile: hold targets against the scope, and listen on the interfaces on whose links they are. Nothing is sent."""
    from netcam import config as settings_file
    from netcam.cli import passive
    from netcam.collect import interfaces
    from netcam.collect import scope as scopes

    if vlan or resume:
        raise ConfigError("--profile passive", "joins no VLAN and resumes no run", "leave --vlan and --resume out")
    wanted_scope = scope or settings_file.load(config).scope_path(site)
    authorised = scopes.load(wanted_scope, now=output.clock()) if wanted_scope else None
    links = interfaces.attached(tuple(interface or ()))
    networks = scopes.decide(targets or (), authorised, [n for one in links for n in one.networks])
    names = tuple(one.name for one in links)
    if dry_run:
        output.line({"type": "budget", "site": site, "profile": "passive", "interfaces": list(names), "seconds": seconds, "sent": 0})
        return
    wanted = " ".join(map(str, networks))
    passive.hear(None, names, wanted, seconds, site, format_, fail_on, store, config, content, tuple(networks))


def excluded_macs(inventory: Inventory | None, site: str, scope: Scope | None) -> dict[str, str]:
    """MAC -> address of the devices that the inventory knows at addresses which the scope excludes."""
    from ipaddress import ip_address

    from netcam.collect.scope import inside
    from netcam.wire import is_address

    if inventory is None or scope is None or not scope.exclude:
        return {}
    return {
        mac: address
        for one in inventory.identities(site=site, evidence=False)
        for address in one.addresses
        if is_address(plain := address.partition("%")[0]) and inside(ip_address(plain), scope.exclude)
        for mac in one.macs
    }


def community_of(path: Path | None) -> str:
    """The first line of the file. Raises ConfigError where there is none."""
    if path is None:
        return ""
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline(MAX_COMMUNITY + 2).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--snmp-community {path}", getattr(error, "strerror", "") or "is no text", "give a text file") from None
    if not first or len(first) > MAX_COMMUNITY:
        raise ConfigError(
            f"--snmp-community {path}", "holds no community", f"write it on the first line, {MAX_COMMUNITY} characters at most"
        )
    return first


@contextmanager
def telling(settings: Settings, *, wanted: bool = True, meanwhile: bool = False) -> Iterator[Teller | None]:
    """Who queues events, where the settings name a sink; afterwards they are delivered, as far as that goes in a few seconds.

    `meanwhile`: they are delivered as they come too, which a command that runs for months needs.
    """
    if not settings.sinks or not wanted:
        yield None
        return
    from netcam import __version__
    from netcam.errors import NetcamError
    from netcam.sinks import dispatch
    from netcam.sinks.teller import Teller

    try:
        outbox = dispatch.open_outbox(settings, state_folder())
    except StoreError as error:
        output.say(f"netcam: {error}")  # a scan does not fail for its events
        yield None
        return
    dispatcher = dispatch.Dispatcher(settings, state_folder(), report=output.say) if meanwhile else None
    try:
        sensor = settings.sensor or platform.node()
        if dispatcher:
            dispatcher.start()
        yield Teller(outbox, dispatch.queued_formats(settings), sensor=sensor, version=__version__)
        if dispatcher:
            dispatcher.stop(DELIVER_SECONDS)
            dispatcher = None
        try:
            dispatch.drain(settings, outbox, DELIVER_SECONDS)
        except NetcamError as error:
            output.say(f"netcam: {error}")
        outbox.prune(settings.events.keep_days * 86_400, settings.sinks)
        for state in outbox.sinks():
            if state.name in settings.sinks and (state.error or state.lost):
                lost = f", {state.lost} were given up" if state.lost else ""
                output.say(f"sink {state.name}: {state.error or 'delivers'}; {outbox.newest() - state.cursor} events wait{lost}")
    finally:
        if dispatcher:
            dispatcher.stop(DELIVER_SECONDS)
        outbox.close()


def last_interrupted(inventory: Inventory, site: str, targets: list[str] | None) -> tuple[str, frozenset[str], list[str]]:
    """Id, finished addresses and targets of the site's last run, which must have been interrupted."""
    from netcam.collect.plan import PROFILES

    # what was listened to or imported has no addresses that could still be asked
    runs = [s for s in inventory.scans(site) if s.status in ("interrupted", "running", "failed") and s.profile in PROFILES]
    if not runs:
        raise ConfigError("--resume", f"site {shown(site)} has no interrupted run", "start a new one without --resume")
    last = max(runs, key=lambda s: s.started.timestamp() if s.started else 0.0)
    later = [s for s in inventory.scans(site) if s.status == "complete" and set(s.targets) >= set(last.targets)]
    done = next((s for s in later if s.started and last.started and s.started > last.started), None)
    if done is not None:
        raise ConfigError(
            "--resume", f"run {last.id} was interrupted, and {done.id} has swept its networks since", "start a new one without --resume"
        )
    return last.id, inventory.finished(last.id), targets or list(last.targets)


def observed(observations: Any) -> dict[str, dict[str, list[str]]]:
    """Field -> values per address and MAC, as the devices told them: bounded, in order of field."""
    result: dict[str, dict[str, list[str]]] = {}
    one: Observation
    for one in observations:
        for key in {one.mac, one.address} - {""}:
            values = result.setdefault(key, {}).setdefault(one.field, [])
            value = one.value[:512]
            if value not in values and len(values) < 16:
                values.append(value)
    return result


def facts_of(identity: Identity, seen: dict[str, dict[str, list[str]]]) -> dict[str, list[str]]:
    """What was observed of one device, without whole pages."""
    merged: dict[str, list[str]] = {}
    for key in (*identity.macs, *identity.addresses):
        for field, values in seen.get(key, {}).items():
            if field == "http.body" or field.endswith(".raw") or field.startswith("http.path."):
                continue
            merged.setdefault(field, []).extend(v for v in values if v not in merged.get(field, []))
    return dict(sorted(merged.items()))


def show_plan(plan: Any, format_: output.Format) -> None:
    """The dry run: every probe and the packet budget."""
    records = list(plan.records())
    if not output.wants_table(format_):
        output.each(records)
        return
    console = output.console()
    probes = [r for r in records if r.get("type") == "probe"]
    rows = [[str(r.get(k, "")) for k in ("protocol", "to", "sends", "packets")] for r in probes]
    console.print(output.table("What would be sent (nothing was)", ("protocol", "to", "what", "packets"), rows))
    for r in records:
        if r.get("type") != "probe":
            console.print(output.escaped("  ".join(f"{k}: {v}" for k, v in r.items() if k != "type"), limit=2000))


def show_result(finished: ScanRecord, judged: Judged, seen: dict[str, dict[str, list[str]]], format_: output.Format) -> None:
    """The result of a run: devices, findings, and what could not be looked at."""
    from netcam import wire

    if not output.wants_table(format_):
        for one in sorted(judged.identities, key=output.address_order):
            output.line(
                {"type": "device"}
                | wire.identity_record(one)
                | {"observed": facts_of(one, seen), "scan": finished.id, "scope_id": finished.scope_id}
            )
        for finding in judged.findings:
            output.line({"type": "finding"} | wire.finding_record(finding) | {"scan": finished.id, "scope_id": finished.scope_id})
        output.line({"type": "scan"} | wire.scan_record(finished))
        return
    console = output.console()
    console.print(output.devices_table(f"Devices at site {finished.site}", judged.identities, judged.findings))
    show_findings(judged.findings, judged.identities)
    totals = ", ".join(f"{v} {k}" for k, v in finished.totals.items() if not k.startswith("sent."))
    sent = ", ".join(f"{v} {k.removeprefix('sent.')}" for k, v in finished.totals.items() if k.startswith("sent."))
    console.print(output.escaped(f"scan {finished.id} {finished.status}: {totals}", limit=2000))
    if sent:
        console.print(output.escaped(f"sent: {sent}", limit=2000))
    for note in finished.notes:
        console.print(output.escaped(f"note: {note}", limit=2000))


def show_findings(findings: Sequence[Any], identities: Sequence[Identity] = (), *, heading: str = "Findings") -> None:
    """Findings as a table, strongest first, devices of one policy and reach, or of one flaw, together; information stays in the report and the JSON."""
    console = output.console()
    named = {i.device: i.addresses[0] if i.addresses else i.device for i in identities}
    order = {i.device: n for n, i in enumerate(sorted(identities, key=output.address_order))}
    strong = [f for f in findings if f.rank >= 2]
    policies: dict[tuple[Any, ...], list[Any]] = {}
    for f in sorted(strong, key=lambda f: (-f.rank, f.rule, order.get(f.device, 0), f.device)):
        key = (f.verdict, f.rule, f.title, f.reach) if f.kind == "policy" else (f.rule, f.title) if f.kind == "firmware" else (f.key,)
        policies.setdefault(key, []).append(f)
    rows = []
    for group in policies.values():
        first = group[0]
        sources = "; ".join(c.title for c in first.citations[:2])
        devices = ", ".join(named.get(f.device, f.device) for f in group)
        said = first.reach or (first.text if len(group) == 1 else f"{len(group)} devices, for instance: {first.text}")
        rows.append([str(first.verdict or first.severity), first.rule, first.title, devices, said, sources])
    if rows:
        console.print(output.table(heading, ("level", "rule", "finding", "devices", "reach", "source"), rows, limit=1200))
    rest = len(findings) - len(strong)
    if rest:
        console.print(f"{rest} findings of level information: netcam report, or --format jsonl")


@contextmanager
def progress_on_stderr() -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal, a line every ten seconds elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[found]} found"), TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task("sweeping", total=None, found=0)

            def show(now: Any) -> None:
                bar.update(task, total=now.total or None, completed=now.done, found=now.found, description=now.phase)

            yield show
        return
    import time

    last = [time.monotonic()]

    def tell(now: Any) -> None:
        if time.monotonic() - last[0] >= 10:
            last[0] = time.monotonic()
            eta = f", about {now.eta:.0f} s left" if now.eta is not None else ""
            output.say(f"{now.phase}: {now.done} of {now.total}, {now.found} found{eta}")

    yield tell
