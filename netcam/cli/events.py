"""`netcam events`: what waits, what was refused, delivery by hand, and whether a file is what it says."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.scan import ConfigOption, FormatOption, state_folder
from netcam.errors import ConfigError, NetcamError, shown
from netcam.model import rfc3339

if TYPE_CHECKING:
    from netcam.config import Settings
    from netcam.sinks.outbox import Outbox

app = typer.Typer(no_args_is_help=True, help="Events for a SIEM: what waits, what was refused, and what a file holds.")

SinkOption = Annotated[str | None, typer.Option("--sink", help="Only this sink.")]


def opened(config: Path | None) -> tuple[Settings, Outbox]:
    """Settings and their outbox."""
    from netcam import config as settings_file
    from netcam.sinks import dispatch

    settings = settings_file.load(config)
    return settings, dispatch.open_outbox(settings, state_folder())


@app.command("sinks")
def sinks(format_: FormatOption = output.Format.AUTO, config: ConfigOption = None) -> None:
    """How each sink stands: what waits, what was delivered, refused and lost, and the last failure."""
    from datetime import UTC, datetime

    from netcam.sinks import dispatch

    settings, outbox = opened(config)
    newest, dead = outbox.newest(), outbox.dead()
    records = []
    for state in outbox.sinks():
        sink = settings.sinks.get(state.name)
        records.append({
            "sink": state.name, "type": sink.type if sink else "not in the settings", "format": dispatch.format_of(sink) if sink else "",
            "waiting": newest - state.cursor, "delivered": state.delivered, "refused": sum(one.sink == state.name for one in dead),
            "lost": state.lost, "last": rfc3339(datetime.fromtimestamp(state.last, UTC), "seconds") if state.last else None,
            "error": state.error,
        })  # fmt: skip
    outbox.close()
    if not records:
        output.say("the settings name no sink: add [sinks.NAME] with a type")
    if not output.wants_table(format_):
        output.each(records)
        return
    columns = ("sink", "type", "format", "waiting", "delivered", "refused", "lost", "last", "error")
    output.console().print(output.table("Sinks", columns, [[str(r[c] if r[c] is not None else "never") for c in columns] for r in records]))


@app.command("deliver")
def deliver(
    sink: SinkOption = None,
    seconds: Annotated[float, typer.Option("--seconds", help="How long at most.")] = 60.0,
    config: ConfigOption = None,
) -> None:
    """Deliver what waits, until nothing waits, a receiver fails or the time is over. Exits with 1 where something still waits."""
    from netcam.sinks import dispatch

    settings, outbox = opened(config)
    if not settings.sinks:
        raise ConfigError("sinks", "the settings name no sink", "add [sinks.NAME] with a type")
    for name in dispatch.drain(settings, outbox, seconds, only=sink, at_once=True):
        output.say(f"sink {name}: another process delivers to it")
    left = 0
    for state in outbox.sinks():
        if state.name not in settings.sinks or sink not in (None, state.name):
            continue
        waiting = outbox.newest() - state.cursor
        left += waiting
        output.say(f"sink {state.name}: {waiting} events wait" + (f"; {state.error}" if state.error else ""))
    outbox.close()
    raise typer.Exit(1 if left else 0)


@app.command("dead")
def dead(sink: SinkOption = None, format_: FormatOption = output.Format.AUTO, config: ConfigOption = None) -> None:
    """Events that a receiver refused, and why; as JSON lines with the whole event."""
    import json
    from datetime import UTC, datetime

    _, outbox = opened(config)
    letters = outbox.dead(sink)
    outbox.close()
    if not output.wants_table(format_):
        for one in letters:
            event = json.loads(one.item.body) if one.item.body else None
            at = rfc3339(datetime.fromtimestamp(one.at, UTC))
            output.line({"sink": one.sink, "at": at, "reason": one.reason, "id": one.item.id, "event": event})
        return
    rows = [[one.sink, one.item.id[:16], one.item.kind, one.item.site, one.item.message, one.reason] for one in letters]
    output.console().print(output.table("Dead letters", ("sink", "id", "kind", "site", "event", "reason"), rows))


@app.command("replay")
def replay(
    sink: Annotated[str, typer.Argument(help="The sink that refused them.")],
    ids: Annotated[list[str] | None, typer.Argument(help="Beginnings of event ids; default: all.")] = None,
    config: ConfigOption = None,
) -> None:
    """Ask for dead letters to be sent again with the next delivery."""
    from netcam import __version__
    from netcam.sinks import dispatch
    from netcam.sinks.teller import Teller

    settings, outbox = opened(config)
    if sink not in settings.sinks:
        raise ConfigError("sink", f"no sink {shown(sink)} in the settings", "netcam events sinks lists them")
    count = outbox.replay(sink, ids or ())
    teller = Teller(outbox, dispatch.queued_formats(settings), sensor=settings.sensor, version=__version__)
    teller.action(f"{count} dead letters of {sink} are sent again", output.clock(), by=getpass.getuser(), sink=sink)
    outbox.close()
    output.say(f"{count} dead letters of {sink} go with the next delivery")


@app.command("restate")
def restate(config: ConfigOption = None) -> None:
    """Let the next scan tell everything that stands, as if nothing had been told: for a receiver that is new or was set up anew."""
    from netcam import __version__
    from netcam.sinks import dispatch
    from netcam.sinks.teller import Teller

    settings, outbox = opened(config)
    count = outbox.restate()
    teller = Teller(outbox, dispatch.queued_formats(settings), sensor=settings.sensor, version=__version__)
    teller.action(f"{count} findings are told anew with the next scan", output.clock(), by=getpass.getuser())
    outbox.close()
    output.say(f"{count} findings, and every device, are told anew with the next scan of their site")


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", help="How many of the newest.")] = 50,
    format_: FormatOption = output.Format.AUTO,
    config: ConfigOption = None,
) -> None:
    """The newest events that the outbox still holds; as JSON lines whole, as a table one line each."""
    _, outbox = opened(config)
    items = outbox.latest(limit)
    outbox.close()
    if output.wants_table(format_):
        rows = [[item.id[:16], item.kind, item.site, item.message] for item in items]
        output.console().print(output.table("Events", ("id", "kind", "site", "event"), rows))
        return
    for item in items:
        typer.echo(item.body.decode())


@app.command("validate")
def validate(
    files: Annotated[list[Path], typer.Argument(help="Files that netcam wrote: events in any format, or an export.")],
) -> None:
    """Check files against the schema that they name. Exits with 2 where something does not keep to it."""
    from netcam.sinks import validate as validator

    wrong = 0
    for path in files:
        try:
            result = validator.check_file(path)
        except NetcamError as error:
            for text in str(error).splitlines():
                output.say(text)
            wrong += 1
            continue
        output.say(f"{path}: {result.records} records of {result.schema}, {len(result.problems)} problems")
        for problem in result.problems[:50]:
            output.say(f"{path}:{problem.line}: {problem.text}")
        wrong += len(result.problems)
    raise typer.Exit(2 if wrong else 0)
