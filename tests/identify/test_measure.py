"""The measure counts what it should, refuses half a corpus, and the published corpus is named rightly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netcam.errors import ContentError
from netcam.identify.matcher import Matcher
from netcam.identify.measure import lines, measure, same
from tests.identify import shipped

CORPUS = Path(__file__).parent.parent / "corpus"
PUBLISHED = CORPUS / "published"


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

    from netcam.pipeline import wrongly_restricted

    seen = [{"device": "a", "field": "onvif.model", "value": "DS-2CD2143G0-I"}, {"device": "b", "field": "http.server", "value": "nginx"}]
    write(tmp_path, seen, [{"device": "a", "is_camera": False}, {"device": "b", "is_camera": False}])
    result = measure(tmp_path, matcher)
    assert result.false_cameras == ["a"]
    told = wrongly_restricted(result.others, shipped.content(), datetime(2026, 11, 25, tzinfo=UTC))
    assert {device for device, _ in told} == {"a"}


LABELS = {
    "maker": {
        "Hikvision": ["Hikvision", "HIKVISION", "Hangzhou Hikvision Digital Technology Co., Ltd.", "Hikvision Digital Technology"],
        "Dahua": ["Zhejiang Dahua", "Dahua Technology Co., Ltd", "dahua (rebranded)"],
        "Hanwha": ["Hanwha Vision", "Hanwha Techwin", "Samsung Techwin"],
        "i-PRO": ["Panasonic", "i-PRO", "Panasonic i-PRO Sensing Solutions"],
        "Xiongmai": ["Hangzhou Xiongmai Technology", "XM"],
    },
    "brand": {"LTS": ["LTS", "LT Security", "LT Security Inc."], "D-Link": ["DLink", "D-Link Systems"], "Dahua": ["Zhejiang Dahua Technology"]},
    "model": {
        "DS-2CD2032-I": ["ds-2cd2032-i", "DS 2CD2032 I", "DS-2CD2032-I (T)", "Hikvision DS-2CD2032-I"],
        "P1448-LE": ["AXIS P1448-LE Network Camera", "AXIS P1448-LE"],
        "TL-SC3430": ["TL-SC3430(EU)", "TP-LINK TL-SC3430"],
    },
    "firmware": {
        "V5.4.5 build 170124": ["V5.4.5 build 170124", "V5.4.5_170124", "5.4.5", "v5.4.5 Build 20170124"],
        "2.800.0000000.16.R, Build Date: 2021-08-05": ["2.800.0000000.16.R.210805", "2.800.0000000.16.R"],
        "V4.02.R11.00030697.12345..ONVIF 16.12": ["V4.02.R11.00030697.12345"],
    },
    "kind": {"recorder": ["NVR", "Network Video Recorder", "dvr"], "camera": ["IP Camera", "webcam"], "access-point": ["WiFi AP"]},
}  # fmt: skip


@pytest.mark.parametrize(("slot", "said"), [(slot, said) for slot, by in LABELS.items() for said in by])
def test_labels_are_read_in_the_forms_that_people_write(matcher: Matcher, slot: str, said: str) -> None:
    makers_ = {"firmware": {"V": "Hikvision", "2": "Dahua"}.get(said[0])}
    for wanted in LABELS[slot][said]:
        assert same(slot, said, wanted, matcher.makers, makers_.get(slot)), wanted
        assert all(not same(slot, other, wanted, matcher.makers) for other in LABELS[slot] if other != said)


def test_numbers_that_only_run_together_are_not_the_same_firmware(matcher: Matcher) -> None:
    assert not same("firmware", "1.23", "12.3.0", matcher.makers)
    assert not same("firmware", "2.800.0000000.16.R, Build Date: 2021-08-05", "2.800.0000000.17.R", matcher.makers)


def test_truth_may_come_in_other_forms_and_what_is_not_read_is_told(tmp_path: Path, matcher: Matcher) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    told = [
        {
            "id": "a",
            "observations": {"http.server": ["App-webs/", "other"]},
            "labels": {"Manufacturer": ["Nobody", "Hikvision"]},
            "colour": "red",
        },
        {"id": "b", "observations": [{"field": "http.server", "value": "nginx"}], "vendor": "Wolpertinger", "type": "NVR", "fw": "unknown"},
        {"id": "c", "observations": [{"field": "http.server", "value": "nginx"}], "kind": "printer", "maker": "Axis"},
        {"id": "d", "observations": [{"field": "onvif.model", "value": "7"}], "model": 7},
    ]
    (folder / "devices.jsonl").write_text("".join(json.dumps(one) + "\n" for one in told))
    result = measure(tmp_path, matcher)
    assert (result.devices, result.slots["maker"].right, result.slots["maker"].missed) == (4, 1, 1)
    assert result.others_slots["maker"].missed == 1
    assert result.others[0].device == "c"
    printed = "\n".join(lines(result))
    assert "label unknown to the catalog: maker Wolpertinger (1)" in printed
    assert "1 labels leave firmware open in words" in printed
    assert "not read: colour (1)" in printed
    assert result.slots["firmware"].missed == 0


def test_null_must_stay_unknown_and_alternatives_are_all_right(tmp_path: Path, matcher: Matcher) -> None:
    seen = [{"device": d, "field": "http.server", "value": "App-webs/"} for d in "ab"]
    write(tmp_path, seen, [{"device": "a", "maker": None}, {"device": "b", "maker": ["Dahua", "Hikvision"]}])
    result = measure(tmp_path, matcher)
    assert (result.slots["maker"].right, result.slots["maker"].wrong) == (1, 1)


@pytest.mark.parametrize("label", [{"maker": {"name": "Axis"}}, {"maker": True}, {"is_camera": "perhaps"}])
def test_a_label_that_is_no_text_is_refused(tmp_path: Path, matcher: Matcher, label: dict[str, object]) -> None:
    write(tmp_path, [{"device": "a", "field": "http.server", "value": "x"}], [{"device": "a", **label}])
    with pytest.raises(ContentError, match=r"x\.truth\.jsonl:1"):
        measure(tmp_path, matcher)


def test_what_was_observed_holds_the_model_or_it_does_not(tmp_path: Path, matcher: Matcher) -> None:
    seen = [
        {"device": "a", "field": "onvif.model", "value": "DS-2CD2143G0-I"},
        {"device": "b", "field": "http.server", "value": "App-webs/"},
    ]
    write(tmp_path, seen, [{"device": "a", "model": "DS-2CD2143G0-I"}, {"device": "b", "model": "DS-2CD2143G0-I"}])
    result = measure(tmp_path, matcher)
    assert (result.slots["model"].right, result.slots["model"].missed) == (1, 1)
    assert (result.stated["model"].right, result.stated["model"].missed) == (1, 0)
