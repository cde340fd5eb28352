"""`netcam egress measure` and `netcam egress profile`: how good the detectors are, and what one device needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import output
from netcam.cli.scan import ContentOption, FormatOption

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Put the commands under `netcam egress`."""
    app.command()(measure)


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
    from netcam.lab.labelled import HEALTHY, scenarios
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
        output.say(f"egress measure: {month} days of {cameras} healthy cameras")
        outcomes.append(play(healthy_month(cameras, month), known))
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
