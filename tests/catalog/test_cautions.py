"""What is not taken at its word is content: read with its sources, carried by packs, part of the catalog's digest."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from netcam.catalog import cautions, makers, packs
from netcam.catalog.cautions import Cautions
from netcam.catalog.home import shipped_root
from netcam.errors import ContentError
from netcam.identify import Matcher, identify
from netcam.model import Observation


@cache
def _shipped() -> Cautions:
    return cautions.load(shipped_root())


@pytest.fixture
def shipped() -> Cautions:
    return _shipped()


def test_every_entry_of_the_shipped_file_has_its_effect(shipped: Cautions) -> None:
    file = shipped.file
    assert file.shared_answers and file.neighbours and file.device_types and file.neutral
    for answer in file.shared_answers:
        assert shipped.named_by_answer(f" {answer.product.upper()} ")
        assert shipped.named_by_prompt(answer.product) == answer.prompt
    for company in file.neighbours:
        assert shipped.neighbour([Observation(field="upnp.manufacturer", value=f"{company.name.lower()} Inc.")])
        assert not shipped.neighbour(
            [Observation(field="upnp.manufacturer", value=f"{company.name}x"), Observation(field="http.title", value=company.name)]
        )
    for one in file.device_types:
        assert shipped.neighbour([Observation(field="upnp.device_type", value=f"urn:schemas-upnp-org:device:{one.type}:1")])
    for word in file.neutral:
        assert shipped.neutral([Observation(field=word.field, value=word.value.upper())])


def test_what_is_not_listed_is_taken_at_its_word(shipped: Cautions) -> None:
    assert not shipped.named_by_answer("Dahua IP camera rtspd")
    assert not shipped.named_by_prompt("Vivotek FD8134V webcam rtspd")
    assert shipped.named_by_answer("D-Link DCS-2130 or Pelco IDE10DN webcam rtspd")  # two at once: nobody can know which
    assert not shipped.neighbour([Observation(field="upnp.manufacturer", value="Axis Communications AB")])
    assert not shipped.neighbour([Observation(field="upnp.device_type", value="urn:schemas-upnp-org:device:Basic:1")])
    assert not shipped.neutral([Observation(field="dhip.Vendor", value="Dahua")])
    bare = Cautions()
    assert not bare.neighbour([Observation(field="upnp.manufacturer", value=""), Observation(field="upnp.device_type", value="")])


@given(st.text(max_size=500), st.sampled_from(["upnp.manufacturer", "upnp.device_type", "dhip.Vendor"]))
def test_any_value_can_be_asked(value: str, field: str) -> None:
    told = _shipped()
    assert told.named_by_prompt(value) <= told.named_by_answer(value)
    assert told.neighbour([Observation(field=field, value=value)]) in (True, False)
    assert told.neutral([Observation(field=field, value=value)]) in (True, False)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("shared_answers:\n- {product: A rtspd, answer: a status, source: ''}\n", 2, "no name or no source"),
        ("neighbours:\n- {name: ' ', makes: x, source: y}\n", 2, "no name or no source"),
        ("neighbours:\n- {name: A, makes: x, source: y}\n- {name: a, makes: x, source: y}\n", 3, "stands twice"),
        ("neutral:\n- field: nosuch.Vendor\n  value: x\n  source: y\n", 2, "no protocol produces field"),
        ("neighbors:\n- {name: A}\n", 1, "unknown field"),
        ("device_types:\n- {type: A}\n", 2, "missing required field"),
    ],
)
def test_a_file_that_cannot_be_is_refused_with_its_line(tmp_path: Path, text: str, line: int, problem: str) -> None:
    (tmp_path / cautions.NAME).write_text(text)
    with pytest.raises(ContentError, match=problem) as told:
        cautions.load(tmp_path)
    assert f"{cautions.NAME}:{line}" in str(told.value)


def test_a_folder_made_before_there_was_such_a_file_takes_the_shipped_one(tmp_path: Path, shipped: Cautions) -> None:
    assert cautions.load(tmp_path).file == shipped.file


def test_the_digest_changes_with_the_file_and_so_does_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "makers").mkdir()
    shutil.copy(shipped_root() / "makers" / "vivotek.yaml", tmp_path / "makers")
    seen = [Observation(field="nmap.product", value="Vivotek FD8134V webcam rtspd", device="a")]

    def told() -> tuple[str, str | None]:
        loaded = makers.load(tmp_path)
        (one,) = identify(seen, Matcher(loaded, engine="re"))
        return loaded.digest, one.get("maker")

    before, nobody = told()
    (tmp_path / cautions.NAME).write_text("shared_answers: []\n")
    after, somebody = told()
    assert (nobody, somebody) == (None, "Vivotek")
    assert before != after


def test_packs_carry_the_file() -> None:
    key = Ed25519PrivateKey.generate()
    whole = packs.pack(shipped_root(), "2026.11.26", "2026-11-26", key)
    files = packs._unpacked(whole.partition(b"\n")[2], "pack")
    assert files[cautions.NAME] == (shipped_root() / cautions.NAME).read_bytes()
