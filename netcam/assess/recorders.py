"""Recorders that may have cameras on a network of their own, which nobody else can see: said until they have named their channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netcam.catalog.recorders import Recorders
from netcam.model import Citation, Finding, Identity

RULE = "recorder/hidden-cameras"


def assess(identities: Iterable[Identity], recorders: Recorders, named: Mapping[str, int]) -> Iterator[Finding]:
    """One finding per recorder. `named` holds how many channels a recorder told its owner's account, by device."""
    for one in identities:
        if one.get("kind") != "recorder":
            continue
        told = next((named[key] for key in (one.device, *one.macs, *one.addresses) if key in named), None)
        known = recorders.channels(one.get("maker"), one.get("model"))
        if told is not None:
            title = f"Recorder names {told} cameras"
            text = f"It told its owner's account of {told} channels in use; each is listed as a device behind it."
            action = "Hold the list against the cameras that were found on the network."
        else:
            most = f" It has room for {known[0]} of them, as its model {one.get('model')} says." if known else ""
            title = f"May hide {f'up to {known[0]} ' if known else ''}cameras behind it"
            text = f"A recorder may have cameras on sockets and networks of its own, where no sweep can see them.{most} Which there are is not known."
            action = "Ask it with the owner's account: netcam ask. Or look at its sockets."
        yield Finding(
            rule=RULE, kind="coverage", device=one.device, site=one.site, title=title, text=text, subject="channels",
            severity="information" if told is not None else "low", action=action,
            evidence=tuple(f"{slot}={value}" for slot in ("kind", "maker", "model") if (value := one.get(slot))),
            citations=(Citation(id="recorder-channels", title="How the maker numbers its recorders", url=known[1]),) if known else (),
            would_change=() if told is not None else ("an answer of the recorder to its owner's account",),
        )  # fmt: skip
