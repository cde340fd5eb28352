"""Runs each policy's own cases, and reports what a keeper of the content has to look at: reviews due, families without a fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from netcam.assess.evidence import DeviceRecord
from netcam.assess.policy import verdicts
from netcam.catalog import advisories, text
from netcam.catalog import families as corporate
from netcam.catalog import policies as content
from netcam.catalog.advisories import Advisories
from netcam.catalog.families import Families, fold
from netcam.catalog.policies import Case, Policies, Policy, PolicyStatus
from netcam.errors import NetcamError
from netcam.model import Claim, Finding, Identity, Observation, Site

REVIEW_SOON = timedelta(days=60)
"""How long before its review date a policy is mentioned: time to read the text again."""

_CONFIDENCE = {"strong": 0.95, "badge": 0.95, "fair": 0.6, "weak": 0.3, "mac": 0.4}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or that has to be looked at."""

    where: str
    problem: str
    cure: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{'error' if self.is_error else 'note'}: {self.where}: {self.problem}\n  help: {self.cure}"


def check(root: Path, on: date, *, local: Path | None = None) -> list[Problem]:
    """Every problem of the policies under `root` and the site's own on a day; broken content is one problem, with file and line."""
    try:
        families = corporate.load(root)
        policies = content.load(root, families=families, local=local)
        notices = advisories.load(root)
        makers = maker_names(root)
    except NetcamError as error:
        return [Problem(error.where, error.problem, error.cure)]
    problems = [problem for policy in policies.policies.values() for problem in _policy(policy, policies, families, on)]
    return problems + list(_makers(families, notices, makers))


def _policy(policy: Policy, policies: Policies, families: Families, on: date) -> Iterator[Problem]:
    document = policies.documents[policy.id]
    if policy.judges and not policy.cases:
        yield Problem(document.at(), "a policy that judges has no cases", "add at least one device that it names and one that it does not")
    for number, case in enumerate(policy.cases):
        finding = run(case, policy, policies, families, on)
        told = finding.verdict.value if finding.verdict else ""
        if finding.verdict is not case.expect:
            yield Problem(document.at("cases", number), f"{case.name}: {told} instead of {case.expect.value}", finding.text)
            continue
        for words in case.says:
            if words not in finding.text:
                yield Problem(document.at("cases", number), f"{case.name}: the finding does not say '{words}'", finding.text)
    if policy.stale(on):
        yield Problem(document.at("review", "by"), f"review was due on {policy.review.by}", policy.review.reason, is_error=False)
    elif policy.review.by - on <= REVIEW_SOON:
        yield Problem(document.at("review", "by"), f"review is due on {policy.review.by}", policy.review.reason, is_error=False)
    if policy.status is PolicyStatus.EMPTY:
        yield Problem(document.at("match"), "the list is empty: nothing is assessed under it", policy.note or "fill it", is_error=False)


def _makers(families: Families, notices: Advisories, makers: set[str]) -> Iterator[Problem]:
    """A family or advisory file that no maker file knows is never seen on a network; that has to be said, or mended."""
    if not makers:
        return
    told = [(families.where[one.id], one.makers, one.no_maker_file) for one in families.by_id.values()]
    told += [(place, one.makers, one.no_maker_file) for place, one in notices.files]
    for place, names, said in told:
        if not said and not any(fold(maker) in makers for maker in names):
            yield Problem(
                place, f"no maker file knows {', '.join(names)}", f"{text.nearest(fold(names[0]), makers)}; or say why in no_maker_file"
            )


def maker_names(root: Path) -> set[str]:
    """Names of makers in `makers/*.yaml`, folded: file names, ids and names. The files themselves are the maker catalog's."""
    names: set[str] = set()
    for path in sorted((root / "makers").glob("*.yaml")):
        names.add(fold(path.stem))
        document = text.read(path, name=f"{root.name}/makers/{path.name}")
        if isinstance(document.data, dict):
            for key in ("id", "name", "maker"):
                if isinstance(value := document.data.get(key), str):
                    names.add(fold(value))
    return names


def run(case: Case, policy: Policy, policies: Policies, families: Families, on: date) -> Finding:
    """What the policy says of the case's device."""
    device = case.device
    record = DeviceRecord(bought=device.bought, attributes=frozenset(device.attributes))
    site = Site(id="case", site_class=case.site.site_class, jurisdiction=case.site.jurisdiction, links=case.site.links)
    return verdicts(identity(case), policies, families, site, case.on or on, record=record)[policy.id]


def identity(case: Case) -> Identity:
    """The case's device as an identity, with made-up signals of the strength that the case names."""
    device = case.device
    slots = {s: v for s in ("kind", "brand", "maker", "model", "component") if (v := getattr(device, s))}
    confidence = _CONFIDENCE[device.evidence]
    badge = Observation(field="http.title", value=f"case badge {device.brand}")
    tell = {
        "mac": Observation(field="mac", value="00:00:5e:00:53:01"),
        "badge": badge,
    }.get(device.evidence, Observation(field="onvif.manufacturer", value=f"case maker {device.maker}"))
    claims = []
    if device.maker:
        claims.append(Claim(slot="maker", value=device.maker, weight=confidence, by="case/maker", because=(tell,)))
    if device.brand:
        claims.append(Claim(slot="brand", value=device.brand, weight=0.95, by="case/brand", because=(badge,)))
    return Identity(
        device="case",
        slots=slots,
        confidence={s: confidence if s == "maker" else 0.95 for s in slots},
        because=tuple(claims),
        mac_registrant=device.registrant,
        site="case",
    )
