"""Delivery from the outbox to one sink: at least once, in order per device, with back-off; a receiver that is down holds up nobody else."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from netcam.errors import NetcamError, SinkError
from netcam.sinks.outbox import Outbox
from netcam.sinks.transport import Item, Outcome, Receiver

IDLE_SECONDS = 1.0
"""How often an idle deliverer looks for new events."""
MAX_BACKOFF = 300.0
"""Seconds: a receiver that comes back after a day is found within five minutes."""
MAX_ATTEMPTS = 12
"""Times that one event is held back, while others pass, before it is a dead letter. A receiver that is down counts for nothing."""
WINDOW = 4
"""Batches that may be open at once behind an event that is held back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events a sink gets."""

    kinds: Collection[str] = ()
    sites: Collection[str] = ()
    least: int = 0
    """Severity, 0..4."""

    def fits(self, item: Item) -> bool:
        """Whether an event is for this sink."""
        return (not self.kinds or item.kind in self.kinds) and (not self.sites or item.site in self.sites) and item.severity >= self.least


class Delivery:
    """One sink's deliverer. It keeps no state that matters: all of that is in the outbox."""

    def __init__(
        self, name: str, outbox: Outbox, open: Callable[[], Receiver], *, format: str, wanted: Wanted | None = None, batch: int = 500,
        max_bytes: int = 4_000_000, partial: bool = False, per_second: int = 0, keep: bool = False,
        chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.name, self._outbox, self._open, self._format = name, outbox, open, format
        self._wanted = wanted or Wanted()
        self._batch, self._max_bytes, self._partial, self._per_second, self._keep, self._chance = (
            batch, max_bytes, partial, per_second, keep, chance
        )  # fmt: skip
        self._receiver: Receiver | None = None

    def close(self) -> None:
        """Close the receiver, if one is open."""
        if self._receiver is not None:
            with contextlib.suppress(NetcamError, OSError):
                self._receiver.close()
            self._receiver = None

    def step(self, now: float) -> float:
        """Deliver one batch, if one is due; returns the seconds after which the next step is worth it (0: there is more)."""
        state = self._outbox.sink(self.name)
        if state.retry_at > now:
            return state.retry_at - now
        again = self._outbox.buried(self.name, self._format, self._batch)
        if again:
            return self._resend(again, now, state.failures)
        waiting = self._outbox.waiting(self.name, self._format, self._batch * WINDOW)
        done = {item.seq for item in waiting if not self._wanted.fits(item)}
        refused = {item.seq: "queued before this format was asked for" for item in waiting if item.seq not in done and not item.body}
        batch = self._pick([item for item in waiting if item.seq not in done and item.seq not in refused])
        if not batch:
            if waiting:
                self._outbox.settle(self.name, done=(), delivered=0, refused=refused, cursor=waiting[-1].seq)
                return 0.0
            return IDLE_SECONDS
        try:
            outcome = self._send(batch)
        except NetcamError as error:
            return self._failed(error, now, state.failures)
        refused |= outcome.refused
        held = dict(outcome.retry)
        delivered = [item for item in batch if item.seq not in refused and item.seq not in held]
        if held and delivered:  # what is held back while others pass is at fault itself, in the end
            counts = self._outbox.tried(self.name, held)
            refused |= {seq: f"{held.pop(seq)} (after {count} attempts)" for seq, count in counts.items() if count >= MAX_ATTEMPTS}
        finished = done | refused.keys() | {item.seq for item in delivered}
        cursor = state.cursor
        for item in waiting:
            if item.seq not in finished:
                break
            cursor = item.seq
        self._outbox.settle(self.name, done=finished, delivered=len(delivered), refused=refused, cursor=cursor)
        if held:
            why = next(iter(held.values()))
            failures = 1 if delivered else state.failures + 1
            return self._back_off(f"{len(held)} of {len(batch)} held back: {why}", outcome.wait, now, failures)
        if state.failures:
            self._outbox.failed(self.name, failures=0, retry_at=0.0, error="")
        return len(batch) / self._per_second if self._per_second else 0.0

    def _pick(self, items: list[Item]) -> list[Item]:
        """The next batch: bounded in count and bytes, with one event of a device where a batch can be taken in part."""
        batch: list[Item] = []
        seen: set[tuple[str, str]] = set()
        size = 0
        for item in items:
            if self._partial:
                about = (item.site, item.device)
                if about in seen:
                    continue
                seen.add(about)
            if batch and (len(batch) >= self._batch or size + len(item.body) > self._max_bytes):
                break
            batch.append(item)
            size += len(item.body)
        return batch

    def _send(self, batch: list[Item]) -> Outcome:
        if self._receiver is None:
            self._receiver = self._open()
        return self._receiver.send(batch)

    def _failed(self, error: NetcamError, now: float, failures: int) -> float:
        if not self._keep:
            self.close()
        return self._back_off(f"{error.where}: {error.problem}", getattr(error, "wait", None), now, failures + 1)

    def _back_off(self, why: str, wait: float | None, now: float, failures: int) -> float:
        # a random part, so that a thousand sensors do not come back in one second
        pause = min(MAX_BACKOFF, 2.0 ** min(failures, 16)) * (0.5 + self._chance() / 2)
        if wait is not None:
            pause = max(pause, min(wait, 12 * MAX_BACKOFF))
        self._outbox.failed(self.name, failures=failures, retry_at=now + pause, error=why)
        return pause

    def _resend(self, items: list[Item], now: float, failures: int) -> float:
        """Dead letters that somebody asked to be sent again; their order is what it is."""
        batch = self._pick([item for item in items if item.body]) or items
        try:
            outcome = self._send(batch) if batch[0].body else Outcome(refused={item.seq: "not queued in this format" for item in batch})
        except NetcamError as error:
            return self._failed(error, now, failures)
        bad = dict(outcome.retry) | dict(outcome.refused)
        self._outbox.revived(self.name, [item.seq for item in batch])
        cursor = self._outbox.sink(self.name).cursor
        self._outbox.settle(self.name, done=(), delivered=len(batch) - len(bad), refused=bad, cursor=cursor)
        return 0.0


@contextlib.contextmanager
def only_one(outbox: Path, sink: str) -> Iterator[bool]:
    """Hold a sink for this process; false where another process delivers to it. The lock ends with its process, however that ends."""
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in sink)
    descriptor = os.open(f"{outbox}.{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


__all__ = ["Delivery", "SinkError", "Wanted", "only_one"]
