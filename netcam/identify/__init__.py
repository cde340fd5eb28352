"""Pure: observations to identities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netcam.identify.assign import Correction
from netcam.identify.correlate import Correlation, correlate, group
from netcam.identify.latest import latest
from netcam.identify.matcher import Matcher
from netcam.identify.resolve import resolve
from netcam.model import Identity, Observation

__all__ = ["Correction", "Correlation", "Matcher", "correlate", "group", "identify", "identities", "latest", "resolve"]


MATCHED_AHEAD = 20_000
"""Observations whose values are matched together before their devices are judged: they fit in what a matcher remembers several times."""


def identify(
    observations: Iterable[Observation], matcher: Matcher, devices: Correlation | None = None, *, current: bool = False
) -> Iterator[Identity]:
    """One identity per device, in order of device key.

    `devices` where more is known than these observations; with `current`, what newer runs saw replaces what older ones did.
    """
    everything = list(observations)
    known = devices if devices is not None else correlate(everything)
    groups = sorted(group(everything, known).items(), key=lambda item: item[0][::-1])
    return identities(((device, known.own(latest(told) if current else told)) for (_, device), told in groups), matcher)


def identities(devices: Iterable[tuple[str, Sequence[Observation]]], matcher: Matcher) -> Iterator[Identity]:
    """One identity for each device (key, what it told), in their order."""
    some: list[tuple[str, Sequence[Observation]]] = []
    ahead = 0
    for device, seen in devices:
        some.append((device, seen))
        ahead += len(seen)
        if ahead >= MATCHED_AHEAD:
            yield from _together(some, matcher)
            some, ahead = [], 0
    yield from _together(some, matcher)


def _together(devices: Sequence[tuple[str, Sequence[Observation]]], matcher: Matcher) -> Iterator[Identity]:
    matcher.learn((one.field, one.value) for _, seen in devices for one in seen)
    for device, seen in devices:
        yield resolve(device, seen, matcher.claims(seen), matcher.makers)
