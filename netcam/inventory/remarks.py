"""What the operator said of devices that turn out to be one, and of those that stand by themselves again. Each move is an action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import msgspec

from netcam.inventory.corrections import parsed
from netcam.inventory.port import MAX_TAGS, Inventory, Remark

REMARK_FOLLOW, REMARK_BACK = "remark-follow", "remark-back"
"""Action kinds: what was said of a device stands beside the one that took it in, and is gone from there since it stands by itself again."""
_SAID = ("owner", "location", "contract", "notes")


class _RemarkBody(msgspec.Struct):
    """What went from `former` to `device`: fields with their words, and tags."""

    site: str
    device: str
    former: str
    said: dict[str, str] = {}
    tags: list[str] = []


class _BackBody(msgspec.Struct):
    site: str
    device: str
    former: str
    number: int


def take_in(inventory: Inventory, site: str, into: Mapping[str, str], at: datetime, *, by: str) -> None:
    """Take devices off the list that are part of another one by now; what the operator said of them stands beside that one."""
    inventory.retire(site, into, at, by=by)
    said = {one.device: one for one in inventory.remarks(site=site)} if into else {}
    for old, new in sorted(into.items()):
        if new and old in said:
            mine = said.get(new, Remark(device=new, site=site))
            went = _carried(said[old], mine)
            if went.said or went.tags:
                said[new] = replace(mine, tags=(*mine.tags, *went.tags), at=at, by=by, **went.said)
                inventory.remark(said[new])
                inventory.act(REMARK_FOLLOW, msgspec.json.encode(went), at, by=by)


def _carried(old: Remark, new: Remark) -> _RemarkBody:
    """What is said of `old` alone: where both say something, what was said of the one that stays holds."""
    told = {name: getattr(old, name) for name in _SAID if getattr(old, name) and not getattr(new, name)}
    tags = [tag for tag in old.tags if tag not in new.tags][: MAX_TAGS - len(new.tags)]
    return _RemarkBody(site=new.site, device=new.device, former=old.device, said=told, tags=tags)


def give_back(inventory: Inventory, site: str, at: datetime, *, by: str) -> None:
    """Of devices that stand by themselves again, take what was said of them off the ones that had taken them in.

    What somebody wrote over it since stays. To be called when the list holds the devices as they are now.
    """
    back = {told.number for action in inventory.actions(kind=REMARK_BACK) if (told := parsed(action, _BackBody)) is not None}
    went = [
        (action.number, one)
        for action in inventory.actions(kind=REMARK_FOLLOW)
        if action.number not in back and (one := parsed(action, _RemarkBody)) is not None and one.site == site
    ]
    if not went:
        return
    live = {one.device for one in inventory.devices(site=site)}
    said = {one.device: one for one in inventory.remarks(site=site)}
    for number, one in went:
        if one.former not in live:
            continue
        # what a device took in went on with it, where that was taken in as well
        holder, holders = one.device, [one.device]
        while holder not in live and (after := next((w.device for n, w in went if n > number and w.former == holder), None)):
            holder = after
            holders.append(holder)
        for name in holders:
            mine = said.get(name)
            if mine is not None:
                cleared = {field: "" for field, word in one.said.items() if getattr(mine, field) == word}
                said[name] = replace(mine, tags=tuple(tag for tag in mine.tags if tag not in one.tags), at=at, by=by, **cleared)
                inventory.remark(said[name])
        inventory.act(REMARK_BACK, msgspec.json.encode(_BackBody(site=site, device=holder, former=one.former, number=number)), at, by=by)
