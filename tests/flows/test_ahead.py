"""An iterator that runs ahead: order, errors, an end in the middle, and items that are lent."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from netcam.flows.ahead import Ahead


def test_items_come_in_order_and_the_end_is_the_end() -> None:
    read = Ahead((n for n in range(50)), "test")
    assert list(read) == list(range(50))
    assert list(read) == []


def test_an_error_comes_out_where_it_would_have() -> None:
    def made() -> Generator[int, None, None]:
        yield 1
        raise ValueError("broken")

    read = Ahead(made(), "test")
    assert next(read) == 1
    with pytest.raises(ValueError, match="broken"):
        next(read)


def test_no_more_than_its_bound_waits() -> None:
    made: list[int] = []

    def making() -> Generator[int, None, None]:
        for n in range(100):
            made.append(n)
            yield n

    read = Ahead(making(), "test", waiting=2)
    assert next(read) == 0
    time.sleep(0.3)
    assert len(made) <= 4  # taken, two that wait, and one that is offered
    assert list(read) == list(range(1, 100))


def test_what_is_lent_is_not_written_over_before_it_comes_back() -> None:
    buffer = bytearray(1)

    def filling() -> Generator[bytearray, None, None]:
        for n in range(30):
            buffer[0] = n
            yield buffer

    seen = []
    for one in Ahead(filling(), "test", held=lambda _: True):
        time.sleep(0.002)
        seen.append(one[0])
    assert seen == list(range(30))


@pytest.mark.parametrize("lent", [False, True])
def test_a_reader_that_goes_away_ends_the_thread_and_what_it_runs(lent: bool) -> None:
    ended = threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            n = 0
            while True:
                n += 1
                yield n
        finally:
            ended.set()

    before = threading.active_count()
    read = Ahead(endless(), "test", held=lambda _: lent)
    assert next(read) == 1
    read.close()
    assert ended.is_set()
    assert threading.active_count() == before
    assert list(read) == []
