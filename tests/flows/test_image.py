"""The loader of the compiled loop: the same code as LLVM's loader gives, and damaged files are refused."""

from __future__ import annotations

import random
from pathlib import Path

import frames
import pytest

from netcam.flows import capture, compiled
from netcam.flows.image import Image
from netcam.flows.table import COLUMNS

T0 = 1_764_000_000_000_000_000


def stored() -> tuple[str, bytes]:
    compiled.loop()
    content = compiled._stored(compiled.folder() / f"flows-{compiled._key()}.o")
    assert content is not None
    name, _, made = content.partition(b"\n")
    return name.decode(), made


def test_code_loaded_here_does_what_code_loaded_by_llvm_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = random.Random(3)
    packets = []
    for n in range(3000):
        address, port = f"203.0.113.{maker.randrange(40)}", maker.choice((53, 443, 2000))
        packets.append(
            (
                T0 + n * 10**6,
                frames.ether(frames.ip4("10.0.0.5", address, 17, frames.udp(40000 + maker.randrange(9), port, bytes(maker.randrange(60))))),
            )
        )
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets))
    compiled.loop.cache_clear()
    here = capture.read(path)

    def refused(content: bytes, absent: int) -> Image:
        raise ValueError("not here")

    monkeypatch.setattr(compiled, "Image", refused)
    compiled.loop.cache_clear()
    there = capture.read(path)
    compiled.loop.cache_clear()
    assert len(here) == len(there) > 100
    for name in COLUMNS:
        assert (here[name] == there[name]).all(), name


def test_damaged_object_files_are_refused() -> None:
    name, made = stored()
    assert Image(made, 0).address(name)
    with pytest.raises(ValueError, match="no function"):
        Image(made, 0).address("other")
    with pytest.raises(ValueError, match="another machine"):
        Image(b"\x7fELF\x01\x01" + made[6:], 0)
    for size in range(0, len(made), 997):
        with pytest.raises(ValueError):
            Image(made[:size], 0)
