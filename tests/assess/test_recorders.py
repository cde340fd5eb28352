"""A recorder may hide cameras until it has named its channels; its model tells how many at most, where its maker's numbering is known."""

from __future__ import annotations

import pytest

from netcam.assess import recorders
from netcam.catalog import recorders as table
from netcam.catalog.home import content_root
from netcam.model import Identity

TABLE = table.load(content_root(None))


def recorder(model: str = "DS-7616NI-K2", maker: str = "Hikvision", kind: str = "recorder") -> Identity:
    slots = {"kind": kind, "maker": maker, "model": model}
    return Identity(device="44:19:b6:00:00:20", slots={k: v for k, v in slots.items() if v}, addresses=("192.0.2.20",), site="hq")


@pytest.mark.parametrize(
    ("one", "title"),
    [
        (recorder(), "May hide up to 16 cameras behind it"),
        (recorder("NVR608H-128-XI", "Dahua"), "May hide up to 128 cameras behind it"),
        (recorder("XVR5108HS-I3", "Dahua"), "May hide cameras behind it"),
        (recorder("", ""), "May hide cameras behind it"),
    ],
)
def test_what_a_recorder_may_hide(one: Identity, title: str) -> None:
    found = list(recorders.assess([one], TABLE, {}))
    assert [(f.title, f.severity, f.rule) for f in found] == [(title, "low", "recorder/hidden-cameras")]


def test_a_recorder_that_named_its_channels_hides_none_and_a_camera_is_none() -> None:
    found = list(recorders.assess([recorder()], TABLE, {"192.0.2.20": 3}))
    assert [(f.title, f.severity) for f in found] == [("Recorder names 3 cameras", "information")]
    assert list(recorders.assess([recorder(kind="camera")], TABLE, {})) == []
