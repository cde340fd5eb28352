"""`netcam egress measure` and `netcam egress profile`: how good the detectors are, and what one device needs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import output
from netcam.cli.scan import ConfigOption, ContentOption, FormatOption, StoreOption

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Put the commands under `netcam egress`."""
    app.command()(measure)
    app.command()(profile)


def register_lab(app: typer.Typer) -> None:
    """Put the command under `netcam lab`."""
    app.command("traffic")(traffic)


class ProfileFormat(StrEnum):
    """What a profile is written as."""

    JSON = "json"
    MUD = "mud"
    NFTABLES = "nftables"
    CISCO = "cisco"


def measure(
    kinds: Annotated[list[str] | None, typer.Argument(help="Kinds of exfiltration, or `healthy`; default: all.")] = None,
    month: Annotated[int, typer.Option("--month", help="Days of a healthy estate of twelve makers to run besides; 30 is a month.")] = 0,
    cameras: Annotated[int, typer.Option("--cameras", help="Cameras of that estate.")] = 500,
    format_: FormatOption = output.Format.AUTO,
    content: ContentOption = None,
) -> None:
    """Run the detectors over labelled scenarios: recall, precision, time to detect per kind, calibration, false findings."""
    from netcam.catalog.text import nearest
    from netcam.egress.measure import play, summary
    from netcam.errors import ConfigError, shown
    from netcam.lab.exfiltration import KINDS
    from netcam.lab.labelled import HEALTHY, LEAKS, scenarios
    from netcam.lab.labelled import month as healthy_month
    from netcam.pipeline import Content

    valid = {*KINDS, *HEALTHY, "healthy"}
    for kind in kinds or ():
        if kind not in valid:
            raise ConfigError("egress measure", f"no kind {shown(kind)}", nearest(kind, valid))
    known = Content(content).destinations
    outcomes = []
    for one in scenarios(kinds=tuple(kinds) if kinds else None):
        output.say(f"egress measure: {one.name}")
        outcomes.append(play(one, known))
    if month:
        output.say(f"egress measure: {month} days of {cameras} healthy cameras, with {', '.join(LEAKS)} beside them")
        outcomes.append(play(healthy_month(cameras, month, leaks=LEAKS), known))
    told = summary(outcomes)
    if not output.wants_table(format_):
        output.line({"type": "egress-measure"} | told)
        return
    columns = ("kind", "scenarios", "found", "in time", "window h", "median h", "worst h", "class right")
    rows = [
        [name, *(_cell(k[c]) for c in ("scenarios", "found", "in_time", "window_hours", "median_hours", "worst_hours", "class_right"))]
        for name, k in told["kinds"].items()
    ]
    console = output.console()
    console.print(output.table("Kinds of exfiltration", columns, rows))
    scale = [[c["score"], str(c["destinations"]), str(c["true"]), _cell(c["share_true"])] for c in told["calibration"]]
    console.print(output.table("Calibration: destinations by their highest score", ("score", "destinations", "true", "share true"), scale))
    false: Mapping[str, Any] = told["false_findings"]
    console.print(
        f"{told['scenarios']} scenarios, {told['camera_days']} camera-days: recall {told['recall']}, precision of scores from 70 {told['precision_high']}; "
        f"false findings high {false['high']}, medium {false['medium']}, low {false['low']}; "
        f"high per 1,000 camera-days {told['false_high_per_1000_camera_days']}"
    )


def _cell(value: Any) -> str:
    return (
        "-"
        if value is None
        else f"{value:.1f}"
        if isinstance(value, float) and value >= 1
        else str(value)
        if not isinstance(value, float)
        else f"{value:.3f}"
    )


def profile(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Key or address of the device.")],
    files: Annotated[list[Path] | None, typer.Argument(help="Captures and flow logs to learn from, or to hold against --check.")] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="State that a watch keeps (its checkpoint with .judge): the last day.")
    ] = None,
    format_: Annotated[ProfileFormat, typer.Option("--format", help="json is what --check reads.")] = ProfileFormat.JSON,
    model: Annotated[
        bool, typer.Option("--model", help="Of all devices of DEVICE's maker, model and firmware: what half of them do outside.")
    ] = False,
    check: Annotated[Path | None, typer.Option("--check", help="Profile (json) to hold the traffic against; prints the drift.")] = None,
    resolver: Annotated[str, typer.Option("--resolver", help="Address of the site's resolver, allowed in nftables rules.")] = "",
    url: Annotated[str, typer.Option("--url", help="Where the MUD file will stand.")] = "https://mud.example.org/camera.json",
    site: Annotated[str, typer.Option("--site")] = "default",
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
) -> None:
    """Learn what one device needs, write it as MUD or as firewall rules, or hold later traffic against it."""
    from netcam import config as settings_file
    from netcam.cli.egress import known_devices, modified
    from netcam.egress import enforce
    from netcam.egress import profile as behaviour
    from netcam.errors import ConfigError, StoreError
    from netcam.flows import files as reading
    from netcam.pipeline import Content
    from netcam.pipeline import behaviour as days

    if bool(files) == bool(state):
        raise ConfigError("egress profile", "no traffic to learn from" if not files else "files and a state", "give files, or --state")
    settings = settings_file.load(config)
    internal = settings.internal(site)
    identities = known_devices(store, site)
    key = next((one.device for one in identities if device in (one.device, *one.addresses, *one.macs)), device)
    tables = (t for file in files or () for t in reading.windows(file, internal=internal, now=modified(file)))
    seen = list(
        days(tables, identities, Content(content), device=key, site=site, declared=settings.declared(site), internal=internal, state=state)
    )
    if check is not None:
        try:
            known = behaviour.loads(check.read_text("utf-8"), str(check))
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(str(check), getattr(error, "strerror", None) or "cannot be read", "check the path") from None
        drifted = False
        for one in seen:
            drift = behaviour.check(known, one, key)
            drifted = drifted or bool(drift.outside_profile or drift.louder)
            output.line(
                {"type": "drift", "device": key, "profile": known.device, "until_ns": one.end, "outside_profile": list(drift.outside_profile), "not_seen": list(drift.not_seen),
                 "louder": list(drift.louder), "share_outside": drift.share_outside}
            )  # fmt: skip
        raise typer.Exit(10 if drifted else 0)
    if model and format_ in (ProfileFormat.NFTABLES, ProfileFormat.CISCO):
        raise ConfigError(
            "egress profile", "a type has no addresses for the rules of a firewall", "write it as mud or json, or leave --model out"
        )
    learnt = behaviour.of_type(seen, key) if model else behaviour.learn(seen, key)
    for rule in learnt.left_out:
        output.say(f"left out: {rule.way} {output.escaped(rule.peer, limit=200)}:{rule.port}: {rule.why}")
    if format_ is ProfileFormat.MUD:
        typer.echo(enforce.mud(learnt, url=url, now=output.clock()))
    elif format_ is ProfileFormat.NFTABLES:
        typer.echo(enforce.nftables(learnt, resolver=_address(resolver)), nl=False)
    elif format_ is ProfileFormat.CISCO:
        typer.echo(enforce.cisco(learnt), nl=False)
    else:
        typer.echo(behaviour.dumps(learnt))


def _address(text: str) -> str:
    from ipaddress import ip_address

    from netcam.errors import ConfigError, shown

    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        raise ConfigError("--resolver", f"{shown(text)} is no address", "write it as 192.0.2.1") from None


def traffic(
    kind: Annotated[str, typer.Argument(help="A kind of exfiltration (netcam egress measure lists them in its answer), or `healthy`.")],
    out: Annotated[Path, typer.Option("--out", help="Capture to write.")],
    truth: Annotated[Path | None, typer.Option("--truth", help="File for what is true of it (JSON).")] = None,
    observations: Annotated[
        Path | None, typer.Option("--observations", help="File for what a sweep would have seen of the cameras; for netcam import.")
    ] = None,
    cameras: Annotated[int, typer.Option("--cameras", min=1, max=250, help="Cameras; the first one leaks.")] = 2,
    hours: Annotated[
        int, typer.Option("--hours", min=0, max=24, help="Hours of healthy life around the leak (without the recorder's streams).")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Another number, another life.")] = 1,
) -> None:
    """Write the traffic of made-up cameras as a capture with its truth: packets with the marks of their protocols, cut after 200 bytes."""
    import msgspec
    import numpy as np

    from netcam.catalog.text import nearest
    from netcam.errors import ConfigError, StoreError, shown
    from netcam.lab import packets
    from netcam.lab.exfiltration import KINDS
    from netcam.lab.habits import behaviours, estate, normal
    from netcam.lab.habits import observations as swept
    from netcam.lab.trace import DAY, EPOCH, Trace

    if kind != "healthy" and kind not in KINDS:
        raise ConfigError("lab traffic", f"no kind {shown(kind)}", nearest(kind, {*KINDS, "healthy"}))
    trace = Trace(np.random.default_rng(seed))
    made = estate(cameras, trace.rng)
    if hours or kind == "healthy":
        normal(trace, made, 0, 1)
        trace.quieten(200_000)
    lives = {c.ref.device: list(behaviours(c)) for c in made} if hours or kind == "healthy" else {}
    told: dict[str, Any] = {"kind": kind, "device": None, "cameras": {c.ref.device: c.address for c in made}, "behaviour": lives}
    end = max(hours, 1) * 3600.0
    if kind != "healthy":
        one = KINDS[kind]
        one.make(trace, made[0], end / 2, one.lasts if one.lasts > DAY else 4 * 3600.0)
        end = max(end, end / 2 + max(one.lasts, DAY) + DAY) if not hours else end
        told |= {
            "device": made[0].ref.device, "address": made[0].address, "to": one.to, "classes": sorted(one.classes), "severity": one.severity,
            "rules": sorted(one.rules), "history_days": one.days, "window_hours": one.hours, "begins": EPOCH + max(hours, 1) * 1800.0,
        }  # fmt: skip
    try:
        written, cut = packets.write(trace, out, 0, end)
        if truth is not None:
            truth.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
        if observations is not None:
            observations.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in swept(made)))
    except OSError as error:
        raise StoreError(
            str(error.filename or out), error.strerror or "cannot be written", "check the folder and the space on it"
        ) from None
    output.say(f"{out}: {written} packets" + (f"; {cut} more did not fit" if cut else ""))
