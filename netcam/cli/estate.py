"""`netcam demo` and `netcam lab`: a virtual estate in network namespaces, to try netcam without touching a network."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import judging, output
from netcam.cli.scan import ContentOption, FailOnOption, FormatOption, cache_folder, progress_on_stderr, show_findings
from netcam.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netcam.model import Identity

lab = typer.Typer(
    help="The virtual estate: cameras that answer on real packets inside namespaces.", no_args_is_help=True, rich_markup_mode=None
)

INSIDE = "NETCAM_INSIDE_ESTATE"
"""Set for the process that runs inside the namespaces."""
TRAFFIC_SECONDS = 26
"""How long the demo listens: 20 beats of the beaconing camera and some seconds for the start."""

ScenarioOption = Annotated[str, typer.Option("--scenario", help="Scenario name, or a scenario file.")]


def enter(argv: Sequence[str]) -> None:
    """Run this same command inside fresh namespaces and exit with its code; return where we are inside already."""
    if os.environ.get(INSIDE):
        return
    from netcam.lab.estate import run_inside

    os.environ[INSIDE] = "1"
    raise typer.Exit(run_inside(list(argv)))


def demo(
    scenario: ScenarioOption = "default",
    format_: FormatOption = output.Format.AUTO,
    fail_on: FailOnOption = None,
    pcap: Annotated[Path | None, typer.Option("--pcap", help="Keep the estate's traffic in this capture.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write the result as a page.")] = None,
    store: Annotated[Path | None, typer.Option("--store", help="Keep the inventory in this file; default: thrown away.")] = None,
    content: ContentOption = None,
) -> None:
    """Build a virtual estate, sweep it, show whose cameras are on it and where they call, and compare with the truth."""
    from netcam.lab import scenario as scenarios

    described = scenarios.load(scenario)
    enter(["demo", *sys.argv[2:]])
    with tempfile.TemporaryDirectory(prefix="netcam-demo-") as folder:
        code = _demo(described, format_, fail_on, pcap, report, store, content, Path(folder))
    raise typer.Exit(code)


def _demo(
    described: Any,
    format_: output.Format,
    fail_on: output.Level | None,
    pcap: Path | None,
    report: Path | None,
    store: Path | None,
    content: str | None,
    folder: Path,
) -> int:
    from netcam.collect.gate import StopSwitch
    from netcam.collect.sweep import SweepRequest, prepare
    from netcam.flows import live
    from netcam.inventory import open_inventory
    from netcam.lab.estate import Estate
    from netcam.model import Site
    from netcam.pipeline import Content, egress, sweep

    site = Site(id="demo", site_class="force-estate", jurisdiction="gb-eng", name="virtual estate")
    loaded = Content(content, cache=cache_folder())
    _ = loaded.matcher, loaded.policies, loaded.families, loaded.destinations
    inventory = open_inventory(str(store or folder / "demo.sqlite"), make=True)
    with Estate(described, traffic=False, pcap=pcap) as estate:
        networks = [estate.network]
        listened: dict[str, Any] = {}
        ready = threading.Event()

        def listen() -> None:
            try:
                listened["table"] = live.watch(estate.interface, seconds=TRAFFIC_SECONDS, internal=networks, ready=ready)
            except BaseException as error:  # handed to the main thread, which raises it
                listened["error"] = error
                ready.set()

        listener = threading.Thread(target=listen, name="netcam-listen", daemon=True)
        listener.start()
        ready.wait()  # a name that was asked for before anybody listened would be missing
        estate.talk()
        request = SweepRequest(
            site=site.id,
            sensor="demo",
            scan="demo",
            targets=(str(estate.network),),
            scope=None,
            profile="standard",
            interfaces=(estate.interface,),
            done=frozenset(),
            state_dir=folder,
        )
        with progress_on_stderr() as progress:
            finished, judged = sweep(prepare(request), inventory, loaded, site, clock=output.clock, progress=progress, stop=StopSwitch())
        listener.join()
        if "error" in listened:
            raise listened["error"]
        table = listened["table"]
        calls = egress(table, judged.identities, loaded, site=site.id, internal=networks)
        inventory.save_findings(finished.id, calls, output.clock())
        touched = estate.tripped()
    from netcam.cli.scan import facts_of, observed, show_result

    seen = observed(inventory.observations(scan=finished.id))
    misses = compare(described.truth(), judged.identities)
    if touched:
        misses += [f"port touched that must never be: {one}" for one in touched]
    if output.wants_table(format_):
        show_result(finished, judged, seen, format_)
        show_findings(calls, judged.identities, heading="Where they call")
        print_truth(described.truth(), misses)
    else:
        from netcam import wire

        for one in sorted(judged.identities, key=output.address_order):
            output.line({"type": "device"} | wire.identity_record(one) | {"observed": facts_of(one, seen)})
        output.each({"type": "finding"} | wire.finding_record(f) for f in (*judged.findings, *calls))
        output.line({"type": "scan"} | wire.scan_record(finished))
        output.line({"type": "truth", "devices": len(described.truth()), "misses": misses})
    if report is not None:
        from netcam.cli.devices import write_whole
        from netcam.pipeline import snapshot
        from netcam.report import html

        write_whole(report, html.render(snapshot(inventory, finished, generated_at=output.clock(), content=loaded)))
    inventory.close()
    if misses:
        return 1
    return output.fail_code((*judged.findings, *calls), fail_on)


def compare(truth: Sequence[dict[str, Any]], identities: Sequence[Identity]) -> list[str]:
    """Where the result differs from the scenario's truth, device by device."""
    by_address = {address: one for one in identities for address in one.addresses}
    misses = []
    for wanted in truth:
        address = wanted["address"]
        one = by_address.get(address)
        if one is None:
            misses.append(f"{address}: not found")
            continue
        if not wanted["tells"]:
            if one.get("kind") or (one.get("maker") and one.confidence["maker"] > 0.5):
                misses.append(f"{address}: tells nothing, and netcam is sure of {one.get('maker')} {one.get('kind') or ''}")
            continue
        if wanted["is_camera"] and one.is_camera is not True:
            misses.append(f"{address}: a {wanted['kind']} was not recognised as one")
        if not wanted["is_camera"] and one.is_camera:
            misses.append(f"{address}: {wanted.get('kind')} was called a {one.get('kind')}")
        for slot in ("brand", "maker", "model", "firmware"):
            if wanted.get(slot) and wanted["is_camera"] and one.get(slot) != wanted[slot]:
                misses.append(f"{address}: {slot} is {wanted[slot]!r}, netcam says {one.get(slot)!r}")
    known = {wanted["address"] for wanted in truth}
    misses += [f"{a}: found, but not in the estate" for a in sorted(set(by_address) - known)]
    return misses


def print_truth(truth: Sequence[dict[str, Any]], misses: Sequence[str]) -> None:
    """One line on how the result compares with the truth, and each difference."""
    console = output.console()
    cameras = sum(1 for t in truth if t["is_camera"])
    console.print(
        f"Truth of the scenario: {cameras} cameras and recorders, {len(truth) - cameras} other devices; {len(misses)} differences"
    )
    for miss in misses:
        console.print(output.escaped(f"  {miss}", limit=400))


judging.register_lab(lab)


@lab.command("list")
def lab_list() -> None:
    """List the scenarios."""
    from netcam.lab import scenario as scenarios

    for name in scenarios.names():
        typer.echo(f"{name:16} {scenarios.load(name).title}")


@lab.command("truth")
def lab_truth(scenario: ScenarioOption = "default") -> None:
    """Print what is true of a scenario's devices, as JSON lines."""
    from netcam.lab import scenario as scenarios

    output.each(scenarios.load(scenario).truth())


@lab.command("exec", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab_exec(
    context: typer.Context,
    scenario: ScenarioOption = "default",
    traffic: Annotated[bool, typer.Option("--traffic/--no-traffic", help="Let the devices talk to each other and outside.")] = True,
    pcap: Annotated[Path | None, typer.Option("--pcap", help="Write the estate's traffic to this capture.")] = None,
) -> None:
    """Run a command inside a virtual estate: `netcam lab exec -- netcam scan 10.77.0.0/24`."""
    import subprocess

    from netcam.lab import scenario as scenarios

    if not context.args:
        raise ConfigError("lab exec", "no command given", "write it after --, as in: netcam lab exec -- netcam scan 10.77.0.0/24")
    described = scenarios.load(scenario)
    enter(["lab", *sys.argv[2:]])
    from netcam.lab.estate import Estate

    command = list(context.args)
    if command[0] == "netcam":
        command = [sys.executable, "-m", "netcam", *command[1:]]
    with Estate(described, traffic=traffic, pcap=pcap):
        try:
            code = subprocess.run(command, check=False).returncode  # noqa: S603 - the operator's own command
        except OSError as error:
            raise ConfigError("lab exec", f"{command[0]!r}: {error.strerror}", "give a command that exists") from None
    raise typer.Exit(code)
