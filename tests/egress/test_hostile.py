"""Whatever a source of flows says, the judge counts it or leaves it out; it never breaks and its state stays bounded."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_network
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.catalog import destinations
from netcam.catalog.destinations import Destinations
from netcam.egress.detect import DeviceRef, SiteRules, detect
from netcam.flows.table import COLUMNS, LOOKUP_COLUMNS, FlowTable, Lookups
from tests.egress.flowcases import T0

INSIDE = (ip_network("10.0.0.0/8"),)


@cache
def known() -> Destinations:
    return destinations.load(Path(__file__).resolve().parent.parent.parent / "fingerprints")


def hostile(seed: int, rows: int, names: list[str]) -> FlowTable:
    """Rows with every column drawn from small, huge and negative numbers; addresses inside, outside and nowhere."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name, kind in COLUMNS.items():
        top = {"i4": 2**31 - 1, "i8": 2**62, "u8": 2**63, "f8": 2**40}[kind]
        low = 0 if kind == "u8" else -5
        pool = np.array([low, 0, 1, 2, 53, 443, 1500, top], object)
        columns[name] = rng.choice(pool, rows).astype(kind)
    columns["version"] = rng.choice([4, 6], rows).astype("i4")
    columns["proto"] = rng.choice([0, 1, 6, 17, 47, 58, 132, 255], rows).astype("i4")
    columns["tells"] = rng.integers(0, 2**20, rows).astype("i4")
    addresses = np.array([0, 0x0A000005, 0x0A000006, 0xCB007109, 0xE0000001, 0xFFFFFFFF, 0x08080808], "u8")
    for end in "ab":
        columns[f"{end}_lo"] = rng.choice(addresses, rows)
        columns[f"{end}_hi"] = np.where(columns["version"] == 4, 0, rng.choice(np.array([0, 0x20010DB8 << 32, 0xFE80 << 48], "u8"), rows))
    columns["start"] = T0 + rng.integers(-(10**13), 10**14, rows)
    columns["end"] = columns["start"] + rng.choice([-(10**9), 0, 10**9, 10**13, 4 * 10**14], rows)
    columns["device"] = rng.choice([0, 1, 99], rows).astype("i4")
    asked = {name: rng.integers(-3, 70_000, rows).astype(kind) for name, kind in LOOKUP_COLUMNS.items() if kind != "u8"}
    asked |= {name: rng.choice(addresses, rows) for name, kind in LOOKUP_COLUMNS.items() if kind == "u8"}
    asked["at"] = columns["start"]
    asked["version"] = np.full(rows, 4, "i4")
    asked["name"] = rng.integers(0, max(1, len(names)), rows).astype("i4")
    lookups = Lookups({k: asked[k].astype(kind) for k, kind in LOOKUP_COLUMNS.items()}, list(names)) if names else Lookups()
    return FlowTable(columns, {n: (text, "sni") for n, text in enumerate(names[:rows])}, lookups=lookups, devices=["cam"])


def judged(seed: int, rows: int, names: list[str]) -> None:
    devices = {"cam": DeviceRef(device="cam", addresses=("10.0.0.5",), macs=("00:00:00:00:00:01",), is_camera=True, maker="Hikvision")}
    table = hostile(seed, rows, names)
    for finding in detect(table, devices, known(), rules=SiteRules(internal=INSIDE), site="hq"):
        assert finding.score is not None
        assert 0 <= finding.score <= 100
        assert finding.category
        assert finding.device in ("cam", "10.0.0.6") or ":" in finding.device or "." in finding.device


NAMES = st.lists(
    st.one_of(st.text(max_size=80), st.sampled_from(["", ".", "..", "a..b", "co.uk", "hik-connect.com", "x" * 300, "1.2.3.4", "::1"])),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), NAMES)
def test_hostile_flows_break_nothing(seed: int, rows: int, names: list[str]) -> None:
    judged(seed, rows, names)


@pytest.mark.fuzz
@settings(max_examples=3000, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), NAMES)
def test_many_hostile_flows_break_nothing(seed: int, rows: int, names: list[str]) -> None:
    judged(seed, rows, names)
