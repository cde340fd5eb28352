"""Pure: observations to identities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.identify.correlate import group
from netcam.identify.matcher import Matcher
from netcam.identify.resolve import resolve
from netcam.model import Identity, Observation

__all__ = ["Matcher", "group", "identify", "resolve"]


def identify(observations: Iterable[Observation], matcher: Matcher) -> Iterator[Identity]:
    """One identity per device, in order of device key."""
    for device, seen in sorted(group(observations).items()):
        yield resolve(device, seen, matcher.claims(seen), matcher.makers)
