"""What is true of a device now: of every field, what the newest run that saw it said."""

from __future__ import annotations

from collections.abc import Iterable

from netcam.model import Observation

Run = tuple[int, str]


def latest(observations: Iterable[Observation]) -> list[Observation]:
    """Of one device's observations those of the newest run (scan, or day where there is none) of each field and carrier, in order.

    What a later run did not ask is still known from an earlier one; what it found changed replaces the old answer.
    """
    seen = list(observations)
    if len(scans := {one.scan for one in seen}) == 1 and "" not in scans:
        return seen  # one run: nothing is older than anything
    begun: dict[str, int] = {}
    for one in seen:
        day = one.at.toordinal() if one.at is not None else 0
        begun[one.scan] = max(begun.get(one.scan, 0), day)

    def run(one: Observation) -> Run:
        return (begun[one.scan], one.scan) if one.scan else (one.at.toordinal() if one.at is not None else 0, "")

    newest: dict[tuple[str, str], Run] = {}
    for one in seen:
        key = (one.via, one.field)
        newest[key] = max(newest.get(key, (-1, "")), run(one))
    return [one for one in seen if run(one) == newest[one.via, one.field]]
