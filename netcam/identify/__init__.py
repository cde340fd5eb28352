"""Pure: observations to identities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.identify.assign import Correction
from netcam.identify.correlate import Correlation, correlate, group
from netcam.identify.latest import latest
from netcam.identify.matcher import Matcher
from netcam.identify.resolve import resolve
from netcam.model import Identity, Observation

__all__ = ["Correction", "Correlation", "Matcher", "correlate", "group", "identify", "latest", "resolve"]


def identify(
    observations: Iterable[Observation], matcher: Matcher, devices: Correlation | None = None, *, current: bool = False
) -> Iterator[Identity]:
    """One identity per device, in order of device key.

    `devices` where more is known than these observations; with `current`, what newer runs saw replaces what older ones did.
    """
    everything = list(observations)
    known = devices if devices is not None else correlate(everything)
    for (_, device), told in sorted(group(everything, known).items(), key=lambda item: item[0][::-1]):
        seen = known.own(latest(told) if current else told)
        yield resolve(device, seen, matcher.claims(seen), matcher.makers)
