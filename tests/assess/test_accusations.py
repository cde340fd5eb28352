"""The cases that a supplier's lawyer would ask about: nothing is said that the text, the evidence and the site do not carry."""

from __future__ import annotations

import random
import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.assess.coverage import unreached
from netcam.assess.evidence import DeviceRecord, Grip, record_of
from netcam.assess.policy import Assessor, assess, verdicts
from netcam.assess.summary import summary
from netcam.catalog import families as corporate
from netcam.catalog import policies as content
from netcam.catalog.families import Families, Strength
from netcam.catalog.policies import Policies, PolicyStatus
from netcam.model import (
    JURISDICTIONS,
    KINDS,
    LINKS,
    SITE_CLASSES,
    Coverage,
    CoverageState,
    Finding,
    Identity,
    Site,
    Verdict,
    verdict_rank,
)
from tests.assess.conftest import ROOT, TODAY, Device

FORCE = Site(id="hq", site_class="force-estate", jurisdiction="gb-eng")
SENSITIVE = Site(id="hq", site_class="sensitive-government", jurisdiction="gb-eng")
US = Site(id="hq", site_class="contractor", jurisdiction="us")
UK, S889, ENTITY = "uk-2022-sensitive-sites", "us-ndaa-889", "us-entity-list"


@pytest.fixture
def judged(policies: Policies, families: Families):  # type: ignore[no-untyped-def]
    def of(one: Identity, site: Site, bought: date | None = None, on: date = TODAY) -> dict[str, Finding]:
        return verdicts(one, policies, families, site, on, record=DeviceRecord(bought=bought))

    return of


def test_hikvision_in_a_forces_own_estate_is_an_advisory_and_on_a_sensitive_site_restricted(judged, device: Device) -> None:  # type: ignore[no-untyped-def]
    camera = device(kind="camera", brand="Hikvision", maker="Hikvision")
    own, sensitive = judged(camera, FORCE), judged(camera, SENSITIVE)
    assert own[UK].verdict is Verdict.ADVISORY and "police forces in their own estate" in own[UK].reach
    assert sensitive[UK].verdict is Verdict.RESTRICTED and "inside its reach" in sensitive[UK].reach
    assert max(verdict_rank(f.verdict) for f in own.values()) == verdict_rank(Verdict.ADVISORY)
    assert own[UK].good_for == date(2024, 4, 29) and own[UK].citations[0].url and own[UK].would_change


def test_a_rebrand_is_judged_by_the_strength_of_the_relation(judged, device: Device, families: Families) -> None:  # type: ignore[no-untyped-def]
    strengths = {name: families.badge_rows(name)[0].row.strength for name in ("LTS", "Annke", "Panasonic")}
    assert strengths == {"LTS": Strength.HIGH, "Annke": Strength.MEDIUM, "Panasonic": Strength.LOW}
    high = judged(device(kind="camera", brand="LTS"), SENSITIVE)[UK]
    medium = judged(device(kind="camera", brand="Annke"), SENSITIVE)[UK]
    low = judged(device(kind="camera", brand="Panasonic"), SENSITIVE)[UK]
    assert high.verdict is Verdict.REVIEW and "made by Hikvision" in high.text
    assert medium.verdict is Verdict.REVIEW and "Is this one of them?" in medium.text
    assert low.verdict is Verdict.UNKNOWN and "Who made this Panasonic?" in low.text and not low.chain[1:]
    proven = judged(device(kind="camera", brand="LTS", maker="Hikvision"), SENSITIVE)[UK]
    assert proven.verdict is Verdict.RESTRICTED and "the badge is LTS" in proven.text


def test_a_huawei_chip_never_makes_a_camera_huaweis(judged, device: Device) -> None:  # type: ignore[no-untyped-def]
    chip = device(kind="camera", brand="Pelco", maker="Pelco", component="HiSilicon")
    for site in (FORCE, SENSITIVE, US):
        found = judged(chip, site)
        assert all("made by Huawei" not in f.text and "Huawei as the maker" not in f.text for f in found.values())
        assert verdict_rank(found[S889].verdict) <= verdict_rank(Verdict.REVIEW)
        assert found[ENTITY].verdict is Verdict.NOT_MATCHED and found["us-fcc-covered-list"].verdict is Verdict.NOT_MATCHED
    assert judged(chip, FORCE)[S889].verdict is Verdict.INFORMATION
    assert judged(chip, FORCE)[UK].verdict is Verdict.NOT_ASSESSED  # Pelco's seat is not sourced here; never cleared


def test_a_mac_prefix_with_nothing_else_is_a_question(judged, device: Device) -> None:  # type: ignore[no-untyped-def]
    bare = device(registrant="Hangzhou Hikvision Digital Technology Co.,Ltd.")
    told = device(kind="camera", maker="Hikvision", tell="mac", sure=0.99)
    for one in (bare, told):
        found = judged(one, SENSITIVE)
        assert found[UK].verdict is Verdict.REVIEW and "not who made the device" in found[UK].text
        assert all(f.verdict is not Verdict.RESTRICTED for f in found.values())


def test_a_lorex_before_and_after_the_sale(judged, device: Device) -> None:  # type: ignore[no-untyped-def]
    lorex = device(kind="camera", brand="Lorex")
    before, after = judged(lorex, US, date(2021, 5, 1))[S889], judged(lorex, US, date(2023, 6, 1))[S889]
    assert before.verdict is Verdict.REVIEW and "Dahua" in before.text
    assert after.verdict is Verdict.NOT_MATCHED and "Skywatch" in after.text
    sepura = judged(device(kind="camera", brand="Sepura"), US)[S889]
    assert sepura.verdict is Verdict.NOT_MATCHED and "Epiris" in sepura.text


def test_uniview_is_not_named_in_889_and_is_export_control(judged, device: Device) -> None:  # type: ignore[no-untyped-def]
    uniview = device(kind="camera", brand="Uniview", maker="Uniview")
    assert judged(uniview, US)[S889].verdict is Verdict.NOT_MATCHED
    listed = judged(uniview, FORCE)[ENTITY]
    assert listed.verdict is Verdict.INFORMATION and "export control" in listed.text and "2024-12-10" in listed.text


def test_an_unidentified_device_is_unknown_and_never_clear(judged, device: Device) -> None:  # type: ignore[no-untyped-def]
    for one in (device(), device(kind="camera"), device(kind="recorder")):
        found = judged(one, FORCE)
        assert found[UK].verdict is Verdict.UNKNOWN and "not cleared" in found[UK].text
        assert summary(found.values()) is Verdict.UNKNOWN


def test_a_subnet_that_the_scan_could_not_reach_is_not_assessed() -> None:
    lines = [Coverage(address=f"192.0.2.{n}", state=CoverageState.NOT_REACHED, reason="no route") for n in range(1, 255)]
    lines += [Coverage(address=f"198.51.100.{n}", state=CoverageState.SILENT) for n in range(1, 9)]
    lines += [
        Coverage(address="2001:db8::7", state=CoverageState.NOT_REACHED),
        Coverage(address="fe80::1%eth0", state=CoverageState.ANSWERED),
    ]
    found = list(unreached("hq", lines))
    assert [f.device for f in found] == ["192.0.2.0/24", "2001:db8::/64"]
    assert all(f.verdict is Verdict.NOT_ASSESSED and f.rank == 2 and f.kind == "coverage" for f in found)
    assert "254 of 254" in found[0].text and "no route" in found[0].text and "no statement about any device" in found[0].text
    assert summary(found) is Verdict.NOT_ASSESSED
    assert list(unreached("hq", lines[254:262])) == []


def test_an_empty_list_and_a_draft_assess_nothing(judged, device: Device, policies: Policies) -> None:  # type: ignore[no-untyped-def]
    assert policies.policies["uk-pa2023-debarment"].status is PolicyStatus.EMPTY
    assert policies.policies["local-template"].status is PolicyStatus.DRAFT
    found = judged(device(kind="camera", brand="Hikvision", maker="Hikvision"), FORCE)
    assert found["uk-pa2023-debarment"].verdict is Verdict.NOT_ASSESSED and found["local-template"].verdict is Verdict.NOT_ASSESSED


def test_an_entry_that_has_to_be_verified_raises_nothing(judged, device: Device) -> None:  # type: ignore[no-untyped-def]
    found = judged(device(kind="camera", brand="Hikvision", maker="Hikvision"), US)
    assert found["us-1260h"].verdict is Verdict.NOT_MATCHED


def test_every_policy_that_is_asked_for_is_there(policies: Policies) -> None:
    assert {
        UK, S889, ENTITY, "uk-2024-removal-timeline", "uk-obscc-survey", "uk-pa2023-debarment", "uk-surveillance-camera-code", "uk-psti",
        "uk-npsa-ncsc-questions", "scot-replacement-programme", "us-fcc-covered-list", "us-1260h", "ca-2025-hikvision", "au-2023-removal",
        "local-template",
    } <= set(policies.policies)  # fmt: skip
    notice = [m for m in policies.policies["us-fcc-covered-list"].effective.milestones if m.date == date(2026, 6, 26)]
    assert notice and notice[0].sources


def test_what_the_keeper_records_is_read_from_tags(policies: Policies, families: Families, device: Device) -> None:
    assert record_of(["bought=2021-05-01", "default-password", "bought=never", "use=anpr"]) == DeviceRecord(
        bought=date(2021, 5, 1), attributes=frozenset({"default-password"})
    )
    camera = device(kind="camera", brand="Axis", maker="Axis")
    found = {
        f.rule: f
        for f in assess([camera], policies, families, FORCE, TODAY, records={(camera.site, camera.device): record_of(["default-password"])})
    }
    assert found["uk-psti"].verdict is Verdict.ADVISORY


def test_the_operators_word_on_the_maker_stands_for_sure(judged, device: Device) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    told = device(kind="camera", brand="LTS", maker="Hikvision", tell=None)
    assert judged(told, SENSITIVE)[UK].verdict is Verdict.REVIEW
    assert judged(replace(told, locked=("maker",)), SENSITIVE)[UK].verdict is Verdict.RESTRICTED


SITES = st.builds(
    Site,
    id=st.just("hq"),
    site_class=st.sampled_from(sorted(SITE_CLASSES)),
    jurisdiction=st.sampled_from(JURISDICTIONS),
    links=st.lists(st.sampled_from(sorted(LINKS)), max_size=2, unique=True).map(tuple),
)
BADGES = ("Hikvision", "Dahua", "LTS", "Annke", "Lorex", "Honeywell", "Uniview", "Axis", "Sepura", "Panasonic", "nobody's")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    site=SITES,
    kind=st.sampled_from([None, *KINDS]),
    brand=st.sampled_from([None, *BADGES]),
    maker=st.sampled_from([None, *BADGES]),
    tell=st.sampled_from([None, "mac", "oui", "onvif.manufacturer"]),
    sure=st.sampled_from([0.2, 0.6, 0.95]),
)
def test_no_verdict_exceeds_the_text_or_the_evidence(
    policies: Policies, families: Families, device: Device, site: Site, kind: str | None, brand: str | None, maker: str | None,
    tell: str | None, sure: float,
) -> None:  # fmt: skip
    slots = {slot: value for slot, value in (("kind", kind), ("brand", brand), ("maker", maker)) if value}
    one = device(tell=tell, sure=sure, **slots)
    judge = Assessor(policies, families, site, TODAY)
    view = judge.view(one)
    firm = Grip.SURE in (view.grip if maker else Grip.WEAK, view.brand_grip if brand else Grip.WEAK)
    for outcome in judge.outcomes(one):
        said = [outcome.policy.severity.default, outcome.policy.severity.elsewhere, *outcome.policy.severity.by_site.values()]
        most = max(verdict_rank(s.verdict) for s in (*said, *outcome.policy.reach.links.values()))
        if outcome.raised and outcome.verdict not in (Verdict.UNKNOWN, Verdict.NOT_ASSESSED):
            assert verdict_rank(outcome.verdict) <= most
        if outcome.verdict is Verdict.RESTRICTED:
            assert firm and site.site_class in outcome.policy.reach.binding_classes
        if kind is None and maker is None and brand is None:
            assert outcome.verdict in (Verdict.UNKNOWN, Verdict.NOT_ASSESSED, Verdict.NOT_MATCHED)
        assert "illegal" not in outcome.text.lower() and "unlawful" not in outcome.text.lower()


def test_a_verdict_never_depends_on_the_order_of_files(tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "fingerprints"
    for part in ("policies", "families"):
        shutil.copytree(ROOT / part, root / part)
    shutil.copy(ROOT / "sources.yaml", root / "sources.yaml")
    cameras = [device(f"192.0.2.{n}", kind="camera", brand=brand, maker=brand) for n, brand in enumerate(BADGES)]
    cameras += [device(f"198.51.100.{n}", kind="camera", brand=brand) for n, brand in enumerate(BADGES)]

    def told() -> list[tuple[str, str, str, str]]:
        families = corporate.load(root)
        policies = content.load(root, families=families)
        return [(f.device, f.rule, str(f.verdict), f.text) for f in assess(cameras, policies, families, SENSITIVE, TODAY)]

    wanted = told()
    glob = Path.glob
    for seed in range(6):

        def shuffled(self: Path, pattern: str, seed: int = seed) -> list[Path]:
            found = list(glob(self, pattern))
            random.Random(seed).shuffle(found)
            return found

        with monkeypatch.context() as patched:
            patched.setattr(Path, "glob", shuffled)
            assert told() == wanted
    # nor on the order of the entries inside a policy
    for path in (root / "policies").glob("*.yaml"):
        lines = path.read_text().split("\n")
        entries = [n for n, line in enumerate(lines) if line.startswith("- {family:")]
        for n, line in zip(entries, reversed([lines[n] for n in entries]), strict=True):
            lines[n] = line
        path.write_text("\n".join(lines))
    assert sorted(told()) == sorted(wanted)
