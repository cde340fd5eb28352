"""Asks every known device with the account that the owner gave for it: whom, how many at once, what becomes of refusals and channels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from netcam.collect import driver, interfaces, owner
from netcam.collect.credentials import Account, Credentials, Refusals
from netcam.collect.gate import Gate, StopSwitch
from netcam.collect.owner import Status, Told
from netcam.model import Fact, Observation

AT_ONCE = 16
"""Devices asked at the same time: reading an answer takes netcam longer than the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A device that was found before: where it is, and what is known of where to ask."""

    device: str
    address: str
    mac: str = ""
    macs: tuple[str, ...] = ()
    """All that the device bears; empty where none is known."""
    xaddrs: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A device and what it told."""

    known: Known
    told: Told
    at: datetime


async def ask(
    devices: Sequence[Known], credentials: Credentials, refusals: Refusals, gate: Gate, *, site: str, clear: bool, clock: Callable[[], datetime],
    stop: StopSwitch, done: Callable[[Asked], None],
) -> None:  # fmt: skip
    """Ask `devices`, each at most once; `done` is given each as it ends. One refusal locks a device and account for later runs too."""
    context, room = driver.banner_context(), asyncio.Semaphore(AT_ONCE)

    async def one(known: Known) -> None:
        async with room:
            if stop.is_set():
                return
            account = credentials.account(known.address, known.mac, site)
            done(Asked(known=known, told=await told_by(known, account), at=clock()))

    async def told_by(known: Known, account: Account | None) -> Told:
        key = known.mac or known.address
        if account is not None and (when := refusals.when(site, key, account.user)):
            return Told(status=Status.LOCKED, note=f"refused at {when}; lift with --again once the account is right")
        where = owner.places(known.xaddrs, known.address, known.ports)
        told = await owner.ask(
            gate, known.address, where, account, context=context, clear=clear, now=clock(), elsewhere=lambda: other_at(known)
        )
        if told.status is Status.REFUSED and account is not None:
            refusals.add(site, key, account.user, clock())
        return told

    async with asyncio.TaskGroup() as group:
        for known in devices:
            group.create_task(one(known))


def other_at(known: Known) -> str:
    """The MAC at a device's address, where the kernel knows one there that is none of the device's: an inventory may be of last month."""
    mac = interfaces.neighbours().get(known.address, "") if known.macs else ""
    return mac if mac not in known.macs else ""


def observations(asked: Asked, *, site: str, sensor: str, scan: str) -> Iterator[Observation]:
    """What the device told as observations: of itself, and of the cameras behind it as devices of their own."""
    known, told = asked.known, asked.told
    host = f"[{known.address}]" if ":" in known.address else known.address
    endpoint = f"{host}:{told.place.port}" if told.place else known.address

    def seen(facts: Iterable[Fact], device: str, endpoint: str, mac: str) -> Iterator[Observation]:
        for fact in facts:
            yield Observation(
                field=fact.field, value=fact.value, at=asked.at, site=site, sensor=sensor, endpoint=endpoint, mac=mac, via="onvif",
                device=device, scan=scan,
            )  # fmt: skip

    own = known.device if known.device not in (known.mac, known.address) else ""
    facts = [*told.facts, *([Fact("recorder.channels", str(len(told.channels)))] if told.channels else [])]
    yield from seen(facts, own, endpoint, known.mac)
    for channel in told.channels:
        behind = [Fact("channel.recorder", known.device), Fact("channel.number", str(channel.number))]
        behind += [Fact(f"channel.{name}", value) for name in ("name", "address", "location") if (value := getattr(channel, name))]
        yield from seen(behind, f"{known.device}#{channel.number}", "", "")
