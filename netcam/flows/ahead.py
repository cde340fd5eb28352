"""An iterator that another thread runs ahead of its reader."""

from __future__ import annotations

import atexit
import queue
import threading
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

T = TypeVar("T")
LOOK = 0.2
"""Seconds between two looks whether the reader has gone."""


class Ahead(Generic[T]):
    """Items of `made`, of which at most `waiting` wait; its thread begins at once.

    After an item for which `held` is true the thread waits until the reader has come back for the next. What `made` raises, the reader gets.
    """

    def __init__(self, made: Generator[T, None, None], name: str, *, waiting: int = 1, held: Callable[[T], bool] = lambda _: False) -> None:
        self._made, self._held = made, held
        self._items: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(waiting)
        self._stop, self._returned = threading.Event(), threading.Event()
        self._lent = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        atexit.register(self.close)  # compiled code must not run on while the interpreter takes its memory away
        self._thread.start()

    def __iter__(self) -> Ahead[T]:
        """See iter()."""
        return self

    def __next__(self) -> T:
        """The next item."""
        if self._lent:
            self._returned.set()
        if self._stop.is_set():
            raise StopIteration
        item, error = self._items.get()
        if error is not None:
            self.close()
            raise error
        assert item is not None
        self._lent = self._held(item)
        return item

    def close(self) -> None:
        """End the thread, wherever it is."""
        self._stop.set()
        self._thread.join()
        atexit.unregister(self.close)

    def _run(self) -> None:
        last: BaseException = StopIteration()
        try:
            for item in self._made:
                self._returned.clear()
                self._put((item, None))
                while self._held(item) and not self._stop.is_set() and not self._returned.wait(LOOK):
                    pass
                if self._stop.is_set():
                    break
                del item
            self._made.close()
        except BaseException as error:  # handed to the reader, which raises it
            last = error
        self._put((None, last))

    def _put(self, item: tuple[T | None, BaseException | None]) -> None:
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=LOOK)
                return
            except queue.Full:
                continue
