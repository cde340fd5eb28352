"""The measure counts what it should, refuses half a corpus, and the published corpus is named rightly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netcam.catalog import makers
from netcam.catalog.home import content_root
from netcam.errors import ContentError
from netcam.identify.matcher import Matcher
from netcam.identify.measure import lines, measure, same

CORPUS = Path(__file__).parent.parent / "corpus"
PUBLISHED = CORPUS / "published"


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(makers.load(Path(content_root())), engine="re")


def write(folder: Path, observations: list[dict[str, str]], truths: list[dict[str, object]]) -> None:
    (folder / "x.observations.jsonl").write_text("".join(json.dumps(o) + "\n" for o in observations))
    (folder / "x.truth.jsonl").write_text("".join(json.dumps(t) + "\n" for t in truths))


def test_right_wrong_and_missed_are_counted_apart(tmp_path: Path, matcher: Matcher) -> None:
    seen = [
        {"device": "a", "field": "http.server", "value": "App-webs/"},
        {"device": "b", "field": "http.server", "value": "App-webs/"},
        {"device": "c", "field": "http.server", "value": "nginx"},
        {"device": "d", "field": "onvif.types", "value": "NetworkVideoTransmitter"},
    ]
    truths: list[dict[str, object]] = [
        {"device": "a", "source": "made for this test", "maker": "Hikvision"},
        {"device": "b", "source": "made for this test", "maker": "Dahua"},
        {"device": "c", "source": "made for this test", "maker": "Axis"},
        {"device": "d", "source": "made for this test", "is_camera": False},
    ]
    write(tmp_path, seen, truths)
    result = measure(tmp_path, matcher)
    score = result.slots["maker"]
    assert (score.right, score.wrong, score.missed) == (1, 1, 1)
    assert score.precision == 0.5
    assert score.recall == pytest.approx(1 / 3)
    assert result.confusions["maker", "Dahua", "Hikvision"] == 1
    assert result.false_cameras == ["d"]
    assert sum(b.claims for b in result.calibration) == 2
    assert "mixed up: maker Dahua was called Hikvision (1)" in list(lines(result))


def test_a_label_without_an_observation_is_refused(tmp_path: Path, matcher: Matcher) -> None:
    write(tmp_path, [], [{"device": "a", "source": "made for this test", "maker": "Axis"}])
    with pytest.raises(ContentError, match="has no observation"):
        measure(tmp_path, matcher)


def test_a_broken_line_is_refused(tmp_path: Path, matcher: Matcher) -> None:
    write(tmp_path, [{"device": "a", "field": "no field", "value": ""}], [{"device": "a", "source": "made for this test"}])
    with pytest.raises(ContentError, match="not a field name"):
        measure(tmp_path, matcher)
    with pytest.raises(ContentError, match="No such file"):
        measure(tmp_path / "nothing", matcher)


def test_the_published_corpus_is_named_rightly(matcher: Matcher) -> None:
    result = measure(PUBLISHED, matcher)
    assert result.devices >= 50
    assert result.false_cameras == []
    for slot in ("maker", "brand", "model", "firmware"):
        assert result.slots[slot].wrong == 0, result.confusions
    assert (result.slots["maker"].recall or 0) >= 0.95
    assert (result.slots["model"].recall or 0) >= 0.85


def test_the_held_back_split_meets_what_is_promised(matcher: Matcher) -> None:
    result = measure(CORPUS / "heldback", matcher)
    assert result.devices >= 70
    assert result.false_cameras == []
    makers_, brands = result.slots["maker"], result.slots["brand"]
    assert (makers_.precision or 0) >= 0.995, result.confusions
    assert (makers_.recall or 0) >= 0.95
    assert (brands.recall or 0) >= 0.95
    assert (result.slots["model"].recall or 0) >= 0.85
    assert (result.slots["firmware"].recall or 0) >= 0.85


def test_a_file_with_both_is_a_corpus_too(tmp_path: Path, matcher: Matcher) -> None:
    one = {
        "device": "a",
        "observations": [{"field": "http.server", "value": "App-webs/"}],
        "truth": {"maker": "Hangzhou Hikvision Digital Technology"},
    }
    (tmp_path / "both.jsonl").write_text(json.dumps(one) + "\n")
    assert measure(tmp_path / "both.jsonl", matcher).slots["maker"].right == 1
    assert measure(tmp_path, matcher).slots["maker"].right == 1


def test_labels_and_claims_are_compared_by_meaning_and_no_further(matcher: Matcher) -> None:
    def alike(slot: str, said: str, wanted: str) -> bool:
        return same(slot, said, wanted, matcher.makers)

    assert alike("maker", "Hanwha", "Hanwha Techwin")
    assert alike("brand", "Uniview", "UNV")
    assert alike("model", "AXIS P3301", "P3301")
    assert alike("model", "DH-IPC-HDW1230T2", "IPC-HDW1230T2")
    assert alike("firmware", "V5.5.82 build 190220", "V5.5.82")
    assert alike("kind", "recorder", "NVR")
    assert not alike("maker", "Hikvision", "Dahua")
    assert not alike("brand", "Hikvision", "HiLook")
    assert not alike("model", "P3301", "P3301-V")
    assert not alike("model", "DS-2CD2143G0-I", "DS-2CD2143G0-IS")
    assert not alike("firmware", "V5.5.82", "V5.5.82 build 190220")
    assert not alike("firmware", "V5.5.82 build 190220", "V5.5.8")


def test_what_a_policy_would_wrongly_restrict_is_told(tmp_path: Path, matcher: Matcher) -> None:
    from datetime import UTC, datetime

    from netcam.pipeline import Content, wrongly_restricted

    seen = [{"device": "a", "field": "onvif.model", "value": "DS-2CD2143G0-I"}, {"device": "b", "field": "http.server", "value": "nginx"}]
    write(tmp_path, seen, [{"device": "a", "is_camera": False}, {"device": "b", "is_camera": False}])
    result = measure(tmp_path, matcher)
    assert result.false_cameras == ["a"]
    told = wrongly_restricted(result.others, Content(), datetime(2026, 11, 25, tzinfo=UTC))
    assert {device for device, _ in told} == {"a"}
