"""Evidence: `netcam evidence export`, `verify`, `sign`, `key`, `verifier`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from netcam.cli import output
from netcam.cli.scan import ContentOption, StoreOption
from netcam.errors import ConfigError, ContentError
from netcam.model import rfc3339

app = typer.Typer(help="Findings as signed bundles that stand up later.", no_args_is_help=True, rich_markup_mode=None)

MAX_PACKETS = 256 * 1024 * 1024
"""Bytes of one capture in a bundle."""

_NOT_NAME = re.compile(r"[^A-Za-z0-9._-]")


@app.command("export")
def export(
    finding: Annotated[str, typer.Argument(help="Key of a finding (`netcam show`), or its beginning.")],
    out: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: netcam-evidence-KEY.zip.")] = None,
    packets: Annotated[list[Path] | None, typer.Option("--packets", help="A capture to put beside it; may be repeated.")] = None,
    store: StoreOption = None,
    content: ContentOption = None,
) -> None:
    """Write a finding with all it rests on as a signed bundle."""
    from netcam import __version__
    from netcam.inventory import evidence, open_inventory, signing
    from netcam.pipeline import Content, judging_content

    inventory = open_inventory(store)
    try:
        chosen = evidence.find(inventory, finding)
        identity = next((i for i in inventory.identities(site=chosen.site) if i.device == chosen.device), None)
        bundle = evidence.export(
            inventory, signing.own_key(inventory), chosen, now=output.clock(), version=__version__,
            content=judging_content(chosen, identity, Content(content)), packets={_name(p): _read(p) for p in packets or ()},
        )  # fmt: skip
    finally:
        inventory.close()
    from netcam.cli.devices import write_whole_bytes

    target = out or Path(f"netcam-evidence-{chosen.key[:12]}.zip")
    write_whole_bytes(target, bundle.data)
    for note in bundle.notes:
        output.say(note)
    output.say(f"wrote {target}")


def _name(path: Path) -> str:
    return _NOT_NAME.sub("_", path.name).lstrip("._-") or "capture"


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_PACKETS:
            raise ContentError(str(path), f"larger than {MAX_PACKETS} bytes", "cut the capture to the device first")
        return path.read_bytes()
    except OSError as error:
        raise ContentError(str(path), error.strerror or "cannot be read", "give a file") from None


@app.command("verify")
def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle.")],
    key: Annotated[str | None, typer.Option("--key", help="Public key that must have signed it (hex), as the estate published it.")] = None,
    tsa: Annotated[
        Path | None, typer.Option("--tsa", help="Certificate of the time-stamping authority (PEM): check the stamps too.")
    ] = None,
) -> None:
    """Check a bundle; needs no inventory, no key and no network. Exit code 1 where anything was altered."""
    from netcam.inventory import verify as checking

    try:
        with bundle.open("rb") as file:
            data = file.read(checking.MAX_BUNDLE + 1)
    except OSError as error:
        raise ContentError(str(bundle), error.strerror or "cannot be read", "give a bundle of `netcam evidence export`") from None
    verdict = checking.verify(data, key)
    for line in checking.told(verdict, key):
        typer.echo(output.escaped(line, limit=2000))
    if verdict.problems:
        raise typer.Exit(1)
    if tsa is not None and not _stamps(data, tsa):
        raise typer.Exit(1)


def _stamps(data: bytes, certificate: Path) -> bool:
    import msgspec

    from netcam.inventory import signing
    from netcam.inventory.verify import unpack

    authority, good = _read(certificate), True
    for line in unpack(data)[0]["roots.jsonl"].splitlines():
        root = msgspec.json.decode(line, type=signing.Root)
        if root.stamp:
            try:
                typer.echo(f"time stamp of {rfc3339(signing.stamped_at(root, authority), 'seconds')} over the root of {root.at}")
            except ValueError as error:
                typer.echo(output.escaped(f"BROKEN time stamp over the root of {root.at}: {error}"))
                good = False
            except ImportError:
                raise ConfigError("--tsa", "needs rfc3161-client", "pip install 'netcam[timestamp]'") from None
    return good


@app.command("sign")
def sign(
    timestamp: Annotated[str | None, typer.Option("--timestamp", help="Address of a time-stamping authority (RFC 3161).")] = None,
    store: StoreOption = None,
) -> None:
    """Sign the hash chain as it stands; for a daily timer. Every scan signs at its end too."""
    from netcam.inventory import open_inventory, signing

    inventory = open_inventory(store)
    try:
        stamp = signing.authority(timestamp) if timestamp else None
        root = signing.sign_root(inventory, signing.own_key(inventory), output.clock(), stamp=stamp)
    finally:
        inventory.close()
    output.say("nothing was added since the last signature" if root is None else f"signed the chain up to entry {root.number}")
    if root is not None:
        output.line({"type": "root", "number": root.number, "hash": root.hash, "at": root.at, "key": root.key, "stamped": bool(root.stamp)})


@app.command("key")
def key(store: StoreOption = None) -> None:
    """Print the estate's public key: publish it where nobody can change it later."""
    from netcam.inventory import open_inventory, signing

    inventory = open_inventory(store)
    try:
        typer.echo(signing.own_key(inventory).public)
    finally:
        inventory.close()


@app.command("verifier")
def verifier() -> None:
    """Print the one Python file that checks bundles on a machine without netcam."""
    import inspect

    from netcam.inventory import verify as checking

    typer.echo(inspect.getsource(checking), nl=False)
