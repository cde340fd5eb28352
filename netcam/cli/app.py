"""The command tree. A command's module is imported when the command is called; the list of commands needs none of them."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from netcam import __version__
from netcam.errors import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "demo": ("estate:demo", "build a virtual estate, sweep it, compare with the truth"),
    "scan": ("scan:scan", "sweep networks, identify, hold against the policies"),
    "listen": ("passive:listen", "name devices that pass by; sends nothing"),
    "import": ("passive:import_", "take what other programs found"),
    "ask": ("owner:ask", "ask your devices over ONVIF with your account"),
    "switches": ("switches:switches", "which port of which switch each camera is on"),
    "reconcile": ("reconcile:reconcile", "an asset register against the network"),
    "leftovers": ("leftovers:leftovers", "never answered, gone, moved; with dates"),
    "identify": ("devices:identify", "observations to identities, no network"),
    "devices": ("devices:devices", "the devices of the inventory"),
    "show": ("devices:show", "one device: identity, findings, what was observed"),
    "explain": ("content:explain", "why a device is what it is; detectors, protocols"),
    "diff": ("history:diff", "what changed between two scans or dates"),
    "timeline": ("history:timeline", "everything that happened to a device"),
    "edit": ("edit:app", "your own word on devices"),
    "reidentify": ("devices:reidentify", "judge what is stored by the present content"),
    "report": ("devices:report", "a page or a table of a scan, a site or a date"),
    "survey": ("survey:survey", "a regulator's survey, ready to sign"),
    "egress": ("egress:app", "where devices call: flows, named and judged"),
    "evidence": ("evidence:app", "findings as signed bundles"),
    "inventory": ("inventory:app", "check, back up, restore, retain"),
    "policy": ("decide:policy", "texts, families, exceptions, disputes"),
    "removal": ("removal:app", "the removal programme"),
    "catalog": ("catalog:catalog", "fingerprints: check, measure, new, pack, install"),
    "export": ("export:export", "CycloneDX, STIX, NetBox, CSV"),
    "run": ("service:run", "sweep on schedules and deliver events"),
    "schedule": ("service:app", "when sites are swept, and what came of it"),
    "events": ("events:app", "what waits for a SIEM, and what was refused"),
    "config": ("config:app", "check and show the settings"),
    "lab": ("estate:lab", "the virtual estate"),
}
"""Name -> where it is (`module:object` in this folder) and its line in the list."""


def load(name: str) -> Any:
    """The function, or the Typer group, of a command. Raises KeyError."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    return getattr(import_module(f"netcam.cli.{module}"), attribute)


class Branch(TyperGroup):
    """A command with commands of its own, each listed with the first sentence of its help: cut lines say nothing."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """See click.Group."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, _sentence(one.help or "")) for name, one in found if one is not None and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _sentence(text: str) -> str:
    """The first sentence of a help text."""
    return re.split(r"(?<=\.)\s", " ".join(text.split("\n\n")[0].split()), maxsplit=1)[0].rstrip(".")


class Commands(TyperGroup):
    """The top of the tree, which knows its commands by name and builds the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """See click.Group."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """See click.Group."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"no command {shown(cmd_name)}: {nearest(cmd_name, COMMANDS)}")
        if cmd_name not in self.commands:
            found = load(cmd_name)
            branch = typer.Typer(rich_markup_mode=None, add_completion=False)
            branch.callback()(root)  # with a callback typer makes a group of it even where it has one command
            if isinstance(found, typer.Typer):
                branch.add_typer(found, name=cmd_name, cls=Branch)
            else:
                branch.command(cmd_name)(found)
            made = typer.main.get_group(branch)
            self.commands[cmd_name] = made.commands[cmd_name]
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: Any) -> Any:
        """See click.Command. Ctrl-C ends with a word and its exit code; click says nothing."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("netcam: interrupted", err=True)
            raise typer.Exit(130) from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """See click.Group: the list, without a single import."""
        rows: Sequence[tuple[str, str]] = [(name, line) for name, (_, line) in COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = typer.Typer(
    name="netcam",
    cls=Commands,
    help="Find every camera on the networks you are authorised to sweep, who really made it, and where it calls.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"netcam {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    """Find every camera on the networks you are authorised to sweep, who really made it, and where it calls."""
