"""Verdicts: the lesser of what a text comes to on a site and how firmly a device is tied to it."""

from __future__ import annotations

import random

import pytest

from netcam.assess.evidence import DeviceRecord
from netcam.assess.policy import SEVERITY, assess, verdicts
from netcam.assess.policy_check import check
from netcam.assess.summary import summary
from netcam.catalog.families import Families
from netcam.catalog.policies import Policies
from netcam.model import Finding, Identity, Site, Verdict
from tests.assess.conftest import ROOT, TODAY, Device

FORCE = Site(id="hq", site_class="force-estate", jurisdiction="gb-eng")
SENSITIVE = Site(id="hq", site_class="sensitive-government", jurisdiction="gb-eng")
UNSET = Site(id="hq")
UK = "uk-2022-sensitive-sites"


def test_the_shipped_policies_have_no_error() -> None:
    assert [str(p) for p in check(ROOT, TODAY) if p.is_error] == []


@pytest.mark.parametrize(("site", "verdict"), [(FORCE, "advisory"), (SENSITIVE, "restricted"), (UNSET, "advisory")])
@pytest.mark.parametrize("maker", ["Hikvision", "Dahua"])
def test_the_same_camera_is_judged_by_the_class_of_its_site(
    policies: Policies, families: Families, device: Device, maker: str, site: Site, verdict: str
) -> None:
    found = verdicts(device(kind="camera", brand=maker, maker=maker), policies, families, site, TODAY)[UK]
    assert found.verdict == verdict
    assert ("class of this site is not set" in found.text) == (site is UNSET)


def test_a_mac_prefix_alone_never_exceeds_review_anywhere(policies: Policies, families: Families, device: Device) -> None:
    for tell in ("mac", "oui"):
        found = verdicts(device(kind="camera", maker="Hikvision", tell=tell, sure=0.99), policies, families, SENSITIVE, TODAY)
        assert found[UK].verdict is Verdict.REVIEW
        assert all(f.verdict is not Verdict.RESTRICTED for f in found.values())


def test_a_maker_without_any_evidence_never_exceeds_review(policies: Policies, families: Families, device: Device) -> None:
    found = verdicts(device(kind="camera", maker="Hikvision", tell=None), policies, families, SENSITIVE, TODAY)[UK]
    assert found.verdict is Verdict.REVIEW


def test_unknown_is_raised_for_what_may_be_a_camera_and_not_for_a_printer(policies: Policies, families: Families, device: Device) -> None:
    for slots in ({}, {"kind": "camera"}):
        found = list(assess([device(**slots)], policies, families, FORCE, TODAY))
        assert Verdict.UNKNOWN in {f.verdict for f in found}
        assert summary(found) is Verdict.UNKNOWN
    assert list(assess([device(kind="printer", maker="Brother", brand="Brother")], policies, families, FORCE, TODAY)) == []


def test_the_finding_carries_chain_reach_citation_and_what_would_change_it(policies: Policies, families: Families, device: Device) -> None:
    found = verdicts(device(kind="camera", brand="LTS", maker="Hikvision"), policies, families, SENSITIVE, TODAY)[UK]
    assert [link.relation for link in found.chain] == ["badge", "tell", "made by", "part of", "directed from", "meets the criterion of"]
    assert found.chain[0].object == "LTS" and found.chain[2].object == "Hikvision"
    assert found.reach in found.text and "inside its reach" in found.reach
    assert all(c.title and c.url for c in found.citations) and found.citations
    assert any("force-estate: advisory" in change for change in found.would_change)
    assert found.good_for is not None and found.action


def test_a_policy_past_its_review_date_says_so(policies: Policies, families: Families, device: Device) -> None:
    late = TODAY.replace(year=2028)
    found = verdicts(device(kind="camera", brand="Dahua", maker="Dahua"), policies, families, FORCE, late)[UK]
    assert found.stale
    assert not verdicts(device(kind="camera", brand="Dahua", maker="Dahua"), policies, families, FORCE, TODAY)[UK].stale


def test_a_text_says_nothing_before_it_is_in_force(policies: Policies, families: Families, device: Device) -> None:
    early = TODAY.replace(year=2021)
    found = verdicts(device(kind="camera", brand="Dahua", maker="Dahua"), policies, families, SENSITIVE, early)[UK]
    assert found.verdict is Verdict.NOT_MATCHED and "not in force" in found.text


def test_uniview_under_889_is_not_named(policies: Policies, families: Families, device: Device) -> None:
    us = Site(id="hq", site_class="contractor", jurisdiction="us")
    found = verdicts(device(kind="camera", brand="Uniview", maker="Uniview"), policies, families, us, TODAY)
    assert found["us-ndaa-889"].verdict is Verdict.NOT_MATCHED


def test_foreign_law_is_information_until_a_link_is_recorded(policies: Policies, families: Families, device: Device) -> None:
    camera = device(kind="camera", brand="Hikvision", maker="Hikvision")
    for site in (FORCE, UNSET, SENSITIVE):
        assert verdicts(camera, policies, families, site, TODAY)["us-ndaa-889"].verdict is Verdict.INFORMATION
    linked = Site(id="hq", site_class="force-estate", jurisdiction="gb-eng", links=("us-federal-contract",))
    found = verdicts(camera, policies, families, linked, TODAY)["us-ndaa-889"]
    assert found.verdict is Verdict.REVIEW and "us-federal-contract" in found.text


def test_a_lorex_is_matched_by_the_day_it_was_bought(policies: Policies, families: Families, device: Device) -> None:
    lorex = device(kind="camera", brand="Lorex")
    us = Site(id="hq", site_class="sensitive-government", jurisdiction="us")

    def told(day: str | None) -> Finding:
        record = DeviceRecord(bought=TODAY.fromisoformat(day) if day else None)
        return verdicts(lorex, policies, families, us, TODAY, record=record)["us-ndaa-889"]

    assert told("2021-05-01").verdict is Verdict.REVIEW
    assert told("2022-11-24").verdict is Verdict.REVIEW
    assert told("2022-11-25").verdict is not Verdict.REVIEW and "Dahua group" in told("2022-11-25").text
    assert "When was it bought?" in told(None).text


def test_severity_goes_with_the_verdict(policies: Policies, families: Families, device: Device) -> None:
    for found in assess([device(kind="camera", brand="Hikvision", maker="Hikvision")], policies, families, SENSITIVE, TODAY):
        assert found.verdict is not None and found.severity == SEVERITY[found.verdict]


def test_the_summary_does_not_depend_on_the_order(policies: Policies, families: Families, device: Device) -> None:
    found = list(assess([device(kind="camera", brand="Hikvision", maker="Hikvision")], policies, families, SENSITIVE, TODAY))
    assert len(found) >= 4
    for seed in range(20):
        shuffled = found[:]
        random.Random(seed).shuffle(shuffled)
        assert summary(shuffled) is Verdict.RESTRICTED
    assert summary([]) is Verdict.NOT_ASSESSED


def test_each_site_of_an_estate_is_judged_by_its_own_class(policies: Policies, families: Families, device: Device) -> None:
    cameras: list[Identity] = [device(f"192.0.2.{n}", kind="camera", brand="Dahua", maker="Dahua", site=s) for n, s in enumerate("abc")]
    sites = {"a": Site(id="a", site_class="force-estate", jurisdiction="gb-eng"), "b": Site(id="b", site_class="sensitive-government")}
    found = {f.site: f.verdict for f in assess(cameras, policies, families, sites, TODAY) if f.rule == UK}
    assert found == {"a": Verdict.ADVISORY, "b": Verdict.RESTRICTED, "c": Verdict.ADVISORY}
