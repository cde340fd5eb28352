"""Wrong policies and families are refused with file, line and cure; a site's own policies stand beside the shipped ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from netcam.assess.policy import verdicts
from netcam.assess.policy_check import check
from netcam.catalog import families as corporate
from netcam.catalog import policies as content
from netcam.errors import ContentError
from netcam.model import Claim, Identity, Observation, Site, Verdict
from tests.assess.conftest import ROOT, TODAY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "fingerprints"
    for part in ("policies", "families", "advisories"):
        shutil.copytree(ROOT / part, made / part)
    shutil.copy(ROOT / "sources.yaml", made / "sources.yaml")
    return made


def refused(root: Path, path: str, old: str, new: str) -> tuple[ContentError, int]:
    """What is said of a file with `old` replaced by `new`, and the line on which `new` now stands."""
    file = root / path
    text = file.read_text("utf-8")
    assert text.count(old) >= 1, old
    changed = text.replace(old, new, 1)
    file.write_text(changed, "utf-8")
    with pytest.raises(ContentError) as error:
        content.load(root, families=corporate.load(root))
    line = changed[: changed.index(new)].count("\n") + 1
    return error.value, line


UK = "policies/uk-2022-sensitive-sites.yaml"
S889 = "policies/us-ndaa-889.yaml"


@pytest.mark.parametrize(
    ("path", "old", "new", "problem"),
    [
        (S889, "citations: [US-FAR, US-FAR-EXPL, US-FAR-PHASE]", "citations: []", "cites no source"),
        (S889, "citations: [US-FAR, ", "citations: [US-FAAR, ", "no source 'US-FAAR'"),
        (S889, "citations: [US-FAR, US-FAR-EXPL, US-FAR-PHASE]", "citations: [US-FAR]", "rests on one place alone"),
        (S889, "{date: 2019-08-13, event", "{date: 2019-13-13, event", "date"),
        (S889, "  start: 2019-08-13", "  start: August 2019", "date"),
        (S889, "- {family: dahua, listed_as", "- {family: dahau, listed_as", "no corporate family 'dahau'"),
        (S889, "- {family: dahua, listed_as", "- {family: hikvision, listed_as", "overlap"),
        (S889, "- {what: 'a former affiliate after its sale'}", "- {what: 'all of it', family: dahua}", "both matched and excluded"),
        (S889, "products: [camera, recorder, encoder]\nquestion", "products: [camera, recordre, encoder]\nquestion", "is no kind of device"),
        (S889, "us-federal-grant: review", "us-federal-grnt: review", "is no link"),
        (S889, "home: [us]", "home: [usa]", "is no jurisdiction"),
        (S889, "review: Section 889 names {listed_as}", "review: Section 889 names {listd_as}", "unknown placeholder"),
        (S889, "  information: A US procurement law names", "  information: It is illegal to own {maker}; a law names", "says 'illegal'"),
        (S889, "  by: 2027-06-01", "  by: 2020-06-01", "review date lies before"),
        (S889, "id: us-ndaa-889", "id: us-ndaa-888", "not the name of the file"),
        (UK, "sensitive-government: restricted", "sensitive-goverment: restricted", "is no site class"),
        (UK, "version: '2026-11-24.1'", "version: '2026-11-24.1'\nversion: '2026-11-24.2'", "stands twice"),
        (UK, "status: stable", "status: stabel", "stabel"),
        ("families/dahua.yaml", "strength: high, sources: [OEM-RROLLER", "strength: strong, sources: [OEM-RROLLER", "strong"),
        ("families/dahua.yaml", "makers: [Dahua]", "makers: [Dahua, Hikvision]", "is also in"),
        ("families/dahua.yaml", "sources: [US-DAHUA-SALE], status: confirmed}", "sources: [], status: confirmed}", "names no source"),
        ("families/dahua.yaml", "- {brand: Amcrest, scope", "- {brand: LTS, scope", "is made with high strength by both"),
    ],
)  # fmt: skip
def test_wrong_content_is_refused_with_file_line_and_cure(root: Path, path: str, old: str, new: str, problem: str) -> None:
    error, line = refused(root, path, old, new)
    place, _, number = error.where.rpartition(":")
    assert problem in error.problem and error.cure
    assert number.isdigit(), error.where
    if "is made with high strength" not in problem and "is also in" not in problem:
        assert place.endswith(path)
        assert abs(int(number) - line) <= new.count("\n") + 1, (error.where, line)


def test_the_shipped_content_has_cases_dates_and_addresses() -> None:
    found = check(ROOT, TODAY)
    assert [str(problem) for problem in found if problem.is_error] == []
    assert any("review is due" in problem.problem for problem in found)
    families = corporate.load(ROOT)
    for policy in content.load(ROOT, families=families).policies.values():
        for source in policy.citations:
            cited = families.sources.by_id[source]
            assert cited.title and cited.published and cited.urls, source
        assert not policy.judges or len(policy.cases) >= 3, policy.id


def test_a_case_that_fails_names_its_line(root: Path) -> None:
    path = root / S889
    path.write_text(
        path.read_text().replace(
            "  expect: information\n- name: a recorded US federal contract",
            "  expect: restricted\n- name: a recorded US federal contract",
            1,
        )
    )
    (problem,) = [p for p in check(root, TODAY) if p.is_error]
    assert "information instead of restricted" in problem.problem and problem.where.startswith(f"fingerprints/{S889}:")


def test_a_maker_that_no_maker_file_knows_is_an_error_with_its_line(root: Path) -> None:
    shutil.copytree(ROOT / "makers", root / "makers")
    (root / "families" / "tvt.yaml").write_text((root / "families" / "tvt.yaml").read_text().replace("makers: [TVT]", "makers: [TVTX]"))
    (root / "advisories" / "axis.yaml").write_text(
        (root / "advisories" / "axis.yaml").read_text().replace("makers: [Axis]", "makers: [Axsi]")
    )
    found = {p.where: p for p in check(root, TODAY) if "no maker file knows" in p.problem}
    assert set(found) == {"fingerprints/families/tvt.yaml:3", "fingerprints/advisories/axis.yaml:2"}
    assert "did you mean 'axis'" in found["fingerprints/advisories/axis.yaml:2"].cure.lower() and all(p.is_error for p in found.values())


DEBARMENT = """
id: uk-pa2023-debarment
version: 2026-12-01.1
status: stable
jurisdiction: England, Wales and Northern Ireland
kind: procurement law
title: Debarment list, as we read it
legal_basis: Procurement Act 2023
citations: [OUR-READING]
effective: {start: 2025-02-24}
good_for: 2026-12-01
binds: [contracting authorities when they award a contract]
does_not_bind: [what is owned already]
reach: {home: [gb], unset: home}
match:
- {family: tiandy, listed_as: An Example Ltd, listed: 2026-01-01, sources: [OUR-READING], status: confirmed}
severity: {default: review, elsewhere: nothing}
sentences: {review: 'The list, as this site read it, names {listed_as}.'}
review: {by: 2027-06-01, reason: the list changes}
cases:
- {name: named, device: {kind: camera, maker: Tiandy}, site: {jurisdiction: gb-eng}, expect: review}
"""
SOURCE = (
    "OUR-READING:\n  title: The debarment list\n  published: GOV.UK, read 2026-12-01\n  urls: [https://www.gov.uk/]\n  strength: primary\n"
)


def test_an_operator_fills_the_empty_list_in_a_folder_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "uk-pa2023-debarment.yaml").write_text(DEBARMENT)
    (tmp_path / "sources.yaml").write_text(SOURCE)
    assert [p for p in check(ROOT, TODAY, local=tmp_path) if p.is_error] == []
    families = corporate.load(ROOT)
    policies = content.load(ROOT, families=families, local=tmp_path)
    seen = Observation(field="onvif.manufacturer", value="Tiandy")
    camera = Identity(
        device="d", slots={"kind": "camera", "maker": "Tiandy"}, confidence={"maker": 0.95},
        because=(Claim(slot="maker", value="Tiandy", weight=0.95, by="t", because=(seen,)),),
    )  # fmt: skip
    found = verdicts(camera, policies, families, Site(id="hq", jurisdiction="gb-eng"), TODAY)["uk-pa2023-debarment"]
    assert found.verdict is Verdict.REVIEW and "An Example Ltd" in found.text and found.citations[0].id == "OUR-READING"
    assert policies.digest != content.load(ROOT, families=families).digest


def test_a_shipped_policy_is_not_replaced_unseen(tmp_path: Path) -> None:
    shutil.copy(ROOT / S889, tmp_path / "us-ndaa-889.yaml")
    with pytest.raises(ContentError, match="is also"):
        content.load(ROOT, local=tmp_path)


def test_a_source_of_ones_own_does_not_shadow_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(SOURCE.replace("OUR-READING", "US-FAR"))
    with pytest.raises(ContentError, match="is shipped already"):
        content.load(ROOT, local=tmp_path)


def test_the_folder_of_own_policies_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="is no folder"):
        content.load(ROOT, local=tmp_path / "none")


def test_the_template_becomes_a_policy_by_its_own_words(tmp_path: Path) -> None:
    text = (
        (ROOT / "policies" / "local-template.yaml")
        .read_text()
        .replace("local-template", "our-cameras")
        .replace("status: draft", "status: stable")
    )
    (tmp_path / "our-cameras.yaml").write_text(text)
    policies = content.load(ROOT, local=tmp_path)
    assert policies.policies["our-cameras"].judges
