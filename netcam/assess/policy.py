"""What each policy says of each device: the lesser of what the text comes to on the site and how firmly the device is tied to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import translate

from netcam.assess.evidence import NO_RECORD, DeviceRecord, Grip, Tie, Ties, View, grip_of, rests_on_badge, ties
from netcam.assess.reach import Reached, other_classes, reached
from netcam.catalog.families import Families, Family, Strength, fold
from netcam.catalog.policies import Match, Policies, Policy, PolicyStatus
from netcam.catalog.sources import Status
from netcam.model import CAMERA_KINDS, Citation, Claim, Finding, Identity, Link, Site, Verdict, verdict_rank

SEVERITY = {
    Verdict.RESTRICTED: "high",
    Verdict.REVIEW: "medium",
    Verdict.ADVISORY: "low",
    Verdict.INFORMATION: "information",
    Verdict.NOT_MATCHED: "none",
    Verdict.UNKNOWN: "low",
    Verdict.NOT_ASSESSED: "low",
}
"""A finding's severity goes with its verdict."""

MAX_MEMO = 50_000
"""Views kept with their verdicts; an estate has some hundreds, a hostile one must not fill memory."""
MAX_SHOWN = 120
"""Characters of an observed value in a chain or as evidence: enough to recognise a banner."""
MAX_TELLS = 3
"""Signals shown in a chain, strongest first; `netcam explain` shows all."""

_CAP = {Grip.SURE: Verdict.RESTRICTED}
_GRIP_STRENGTH = {Grip.SURE: "high", Grip.FAIR: "medium", Grip.ASKED: "medium", Grip.WEAK: "low", Grip.PREFIX: "low"}
_MAKER_TARGETS = frozenset({"family", "headquarters"})


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a policy says of every device with one view, on one site."""

    policy: Policy
    verdict: Verdict
    title: str
    text: str
    reach: str
    links: tuple[Link, ...] = ()
    would_change: tuple[str, ...] = ()
    action: str = ""
    citations: tuple[Citation, ...] = ()
    stale: bool = False
    raised: bool = False
    """Whether it is a finding, or only the answer when somebody asks."""


class Assessor:
    """All policies, families and one day; judges view by view and remembers the outcomes."""

    def __init__(
        self,
        policies: Policies,
        families: Families,
        site: Site | Mapping[str, Site],
        on: date,
        records: Mapping[tuple[str, str], DeviceRecord] | None = None,
    ) -> None:
        self.policies, self.families, self.on = policies, families, on
        self._site = site
        self._records = records or {}
        self._memo: dict[tuple[View, Site], tuple[Outcome, ...]] = {}
        self._models: dict[str, tuple[bool, ...]] = {}
        self._globs = sorted({m.model for p in policies.policies.values() for m in p.match if m.model})
        self._patterns = tuple(re.compile(translate(glob.upper())) for glob in self._globs)

    def site_of(self, identity: Identity) -> Site:
        """The recorded site of a device; where none is recorded, one of which nothing is known."""
        if isinstance(self._site, Site):
            return self._site
        return self._site.get(identity.site) or Site(id=identity.site)

    def view(self, identity: Identity) -> View:
        """What the policies look at in the identity."""
        slots = identity.slots
        maker_claims = [c for c in identity.because if c.slot == "maker"]
        brand_claims = [c for c in identity.because if c.slot == "brand"]
        maker, brand, model = slots.get("maker"), slots.get("brand"), slots.get("model")
        record = self._records.get((identity.site, identity.device), NO_RECORD)
        return View(
            kind=slots.get("kind"),
            maker=maker,
            brand=brand,
            component=slots.get("component"),
            grip=grip_of(identity, "maker", maker_claims) if maker else Grip.WEAK,
            brand_grip=grip_of(identity, "brand", brand_claims) if brand else Grip.WEAK,
            badge_only=bool(maker and brand) and "maker" not in identity.locked and rests_on_badge(maker_claims, brand_claims),
            registrant=identity.mac_registrant if maker is None else "",
            rows=tuple(row.covers(model) for row in self.families.badge_rows(brand)) if brand else (),
            globs=self._fits((model or "").upper()),
            bought=record.bought,
            attributes=record.attributes,
        )

    def _fits(self, model: str) -> tuple[bool, ...]:
        known = self._models.get(model)
        if known is None:
            if len(self._models) >= MAX_MEMO:
                self._models.clear()
            known = self._models[model] = tuple(p.match(model) is not None for p in self._patterns)
        return known

    def outcomes(self, identity: Identity) -> tuple[Outcome, ...]:
        """The outcome of every policy, in order of id."""
        key = (self.view(identity), self.site_of(identity))
        known = self._memo.get(key)
        if known is None:
            if len(self._memo) >= MAX_MEMO:
                self._memo.clear()
            tied = ties(key[0], self.families)
            known = tuple(self._judged(policy, key[0], tied, key[1]) for policy in self.policies.policies.values())
            self._memo[key] = known
        return known

    def findings(self, identity: Identity) -> Iterator[Finding]:
        """The findings on one device."""
        device: tuple[tuple[Link, ...], tuple[str, ...]] | None = None
        for outcome in self.outcomes(identity):
            if outcome.raised:
                device = device or device_side(identity)
                yield self._finding(identity, outcome, *device)

    def verdicts(self, identity: Identity) -> dict[str, Finding]:
        """What every policy says of one device, findings or not."""
        device = device_side(identity)
        return {outcome.policy.id: self._finding(identity, outcome, *device) for outcome in self.outcomes(identity)}

    def _finding(self, identity: Identity, outcome: Outcome, links: tuple[Link, ...], evidence: tuple[str, ...]) -> Finding:
        policy, verdict = outcome.policy, outcome.verdict
        confidence = identity.confidence.get("maker") or identity.confidence.get("brand") or 0.0
        return Finding(
            rule=policy.id,
            kind="policy",
            device=identity.device,
            title=outcome.title,
            verdict=verdict,
            severity=SEVERITY[verdict],
            site=identity.site or (self._site.id if isinstance(self._site, Site) else ""),
            text=outcome.text,
            reach=outcome.reach,
            confidence=confidence,
            chain=links + outcome.links,
            evidence=evidence,
            citations=outcome.citations,
            would_change=outcome.would_change,
            action=outcome.action,
            good_for=policy.good_for,
            stale=outcome.stale,
        )

    def _judged(self, policy: Policy, view: View, tied: Ties, site: Site) -> Outcome:
        """What one policy says of one view."""
        reach = reached(policy, site)
        if policy.status is not PolicyStatus.STABLE:
            why = (
                "The operator has not filled this list from the published one."
                if policy.status is PolicyStatus.EMPTY
                else "A draft: its facts are not all verified."
            )
            return self._plain(policy, Verdict.NOT_ASSESSED, why, reach)
        if not policy.match:
            return self._plain(policy, Verdict.NOT_MATCHED, "It names no maker; it puts questions to the keeper of every camera.", reach)
        if not policy.in_force(self.on):
            return self._plain(policy, Verdict.NOT_MATCHED, f"It was not in force on {self.on}.", reach)
        best: tuple[tuple[int, int, str], Verdict, Match, Tie | None, bool] | None = None
        for match in policy.match:
            for tie in self._tied(match, view, tied):
                asked = self._asked(policy, match, view, tie)
                if asked is None:
                    continue
                verdict = self._verdict(match, reach, tie, asked)
                key = (verdict_rank(verdict), int(tie.grip) if tie else 9, "/".join(match.target))
                if best is None or key > best[0]:
                    best = (key, verdict, match, tie, asked)
        if best is not None:
            return self._matched(policy, view, tied, site, reach, *best[1:])
        return self._unmatched(policy, view, tied, reach)

    def _tied(self, match: Match, view: View, tied: Ties) -> list[Tie | None]:
        """The ties through which an entry holds; a list with None where it holds of itself."""
        if match.status is not Status.CONFIRMED or (match.listed and match.listed > self.on) or (match.until and match.until <= self.on):
            return []
        if match.model and not view.globs[self._globs.index(match.model)]:
            return []
        what, value = match.target
        if what in _MAKER_TARGETS:
            return [tie for tie in tied.ties if _names(tie.family, what, value)]
        holds = {
            "badge": bool(view.brand) and _same(view.brand, value),
            "component": bool(view.component) and _same(view.component, value),
            "attribute": value in view.attributes,
            "every": view.kind in CAMERA_KINDS,
        }[what]
        return [None] if holds else []

    @staticmethod
    def _asked(policy: Policy, match: Match, view: View, tie: Tie | None) -> bool | None:
        """Whether the kind of device leaves it a question; None where the words do not reach the kind."""
        for out in policy.exclusions:
            family_out = tie is not None and out.family == tie.family.id
            badge_out = bool(out.badge) and bool(view.brand) and _same(view.brand, out.badge)
            if (family_out or badge_out) and (not out.kinds or view.kind in out.kinds):
                return None
        if view.kind is None:
            return True
        if view.kind in (match.products or policy.products):
            return False
        return True if view.kind in (policy.question if match.question is None else match.question) else None

    @staticmethod
    def _verdict(match: Match, reach: Reached, tie: Tie | None, asked: bool) -> Verdict:
        """The least of what the text comes to, what the entry says, and what the evidence carries."""
        verdict = reach.said.verdict
        bounds = [match.severity.verdict] if match.severity else []
        if asked or (tie is not None and tie.grip is not Grip.SURE):
            bounds.append(Verdict.REVIEW)
        return min([verdict, *bounds], key=verdict_rank)

    def _matched(
        self,
        policy: Policy,
        view: View,
        tied: Ties,
        site: Site,
        reach: Reached,
        verdict: Verdict,
        match: Match,
        tie: Tie | None,
        asked: bool,
    ) -> Outcome:
        if verdict is Verdict.NOT_MATCHED:
            return self._plain(policy, verdict, "It says nothing of devices on such a site.", reach)
        words = {
            "maker": tie.maker if tie else view.maker or "not known",
            "family": tie.family.name if tie else view.maker or "not known",
            "badge": view.brand or "not known",
            "listed": str(match.listed or policy.effective.start),
            "listed_as": match.listed_as or (tie.family.name if tie else ""),
            "place": tie.family.headquarters.place if tie else "",
            "class": site.site_class,
            "component": view.component or "",
        }
        sentence = policy.sentences.get("unset") if site.site_class == "unset" and policy.reach.binding_classes else None
        sentence = (
            sentence or policy.sentences.get(verdict.value) or policy.sentences.get("advisory") or policy.sentences.get("information") or ""
        )
        parts = [tie.said if tie else "", sentence.format_map(words), reach.text]
        if asked:
            parts.insert(1, self._kind_question(view))
        change = list(tie.change) if tie else []
        if asked and view.kind is None:
            change.append("an answer that tells what kind of device it is")
        if not tie or tie.grip is Grip.SURE:
            change += [f"recording the site as {name}: {said.verdict}" for name, said in other_classes(policy, site)]
        else:
            change += [
                f"recording the site as {name}: {min(said.verdict, Verdict.REVIEW, key=verdict_rank)}"
                for name, said in other_classes(policy, site)
            ]
        if not reach.inside and policy.reach.links and "information" in reach.text:
            change.append(f"recording a link of the site: {', '.join(sorted(policy.reach.links))}")
        change.append(f"a change of the text after {policy.good_for}, for which its facts are good")
        return Outcome(
            policy=policy,
            verdict=verdict,
            title=policy.title,
            text=" ".join(part for part in parts if part),
            reach=reach.text,
            links=self._links(policy, view, match, tie),
            would_change=tuple(change) + tied.questions,
            action=policy.action.get(verdict.value, ""),
            citations=self._citations(policy, match, tie),
            stale=policy.stale(self.on),
            raised=True,
        )

    @staticmethod
    def _kind_question(view: View) -> str:
        if view.kind is None:
            return "What kind of device it is has not been established."
        return f"Whether a device of this kind ({view.kind}) is inside the words is a question of their meaning."

    def _unmatched(self, policy: Policy, view: View, tied: Ties, reach: Reached) -> Outcome:
        """No entry holds: said plainly where that is known, never where it is not."""
        kind_out = view.kind is not None and view.kind not in CAMERA_KINDS and not self._open(policy, view.kind)
        maker_matters = any(m.target[0] in _MAKER_TARGETS | {"badge"} for m in policy.match)
        if kind_out or not maker_matters:
            why = f"It does not reach devices of this kind ({view.kind})." if kind_out else "Nothing that it names was seen on this device."
            return self._plain(policy, Verdict.NOT_MATCHED, why, reach)
        if tied.left:
            return self._plain(policy, Verdict.NOT_MATCHED, " ".join(tied.left), reach, tied.questions)
        if not tied.settled and not tied.ties:
            asking = " ".join(tied.questions) or "Who made it is not known."
            raised = view.kind in CAMERA_KINDS or view.kind is None
            told = f"{asking} {policy.sentences.get('unknown', 'A device whose maker is not known is not cleared.')}"
            matters = verdict_rank(reach.said.verdict) >= verdict_rank(Verdict.ADVISORY)
            change = ("an answer, a label or the supplier's statement that names the maker",)
            return self._plain(policy, Verdict.UNKNOWN, told, reach, change, raised=raised and matters)
        if any(m.headquarters for m in policy.match) and not self._placed(view, tied):
            told = f"The headquarters of {view.maker} is not sourced in this content, so the text's criterion was not applied."
            matters = reach.said.verdict is Verdict.RESTRICTED
            return self._plain(policy, Verdict.NOT_ASSESSED, told, reach, ("a sourced entry for this maker in families/",), raised=matters)
        return self._plain(
            policy, Verdict.NOT_MATCHED, f"It does not name {view.maker or 'the maker that the device points to'}.", reach, tied.questions
        )

    @staticmethod
    def _open(policy: Policy, kind: str) -> bool:
        kinds = {*policy.products, *policy.question}
        for match in policy.match:
            kinds.update(match.products)
            kinds.update(match.question or ())
        return kind in kinds

    def _placed(self, view: View, tied: Ties) -> bool:
        family = tied.ties[0].family if tied.ties else self.families.of_maker(view.maker)
        return family is not None and family.headquarters.status is Status.CONFIRMED

    def _plain(
        self, policy: Policy, verdict: Verdict, why: str, reach: Reached, change: tuple[str, ...] = (), *, raised: bool = False
    ) -> Outcome:
        return Outcome(
            policy=policy,
            verdict=verdict,
            title=policy.title,
            text=f"{why} {reach.text}",
            reach=reach.text,
            would_change=change,
            action=policy.action.get(verdict.value, ""),
            citations=self._citations(policy, None, None),
            stale=policy.stale(self.on),
            raised=raised,
        )

    def _links(self, policy: Policy, view: View, match: Match, tie: Tie | None) -> tuple[Link, ...]:
        links: list[Link] = []
        if tie is not None:
            strength = _GRIP_STRENGTH[tie.grip]
            subject = view.brand or "device"
            links.append(
                Link(
                    relation=tie.relation,
                    subject=subject,
                    object=tie.maker,
                    strength=strength,
                    source=", ".join(tie.sources) or "its answers",
                )
            )
            if tie.family.name != tie.maker:
                own = ", ".join(tie.family.headquarters.sources)
                links.append(Link(relation="part of", subject=tie.maker, object=tie.family.name, strength="high", source=own))
            if match.headquarters:
                where = tie.family.headquarters
                links.append(
                    Link(
                        relation="directed from",
                        subject=tie.family.name,
                        object=where.place,
                        strength="high",
                        source=", ".join(where.sources),
                    )
                )
        named = tie.family.name if tie else view.component or view.brand or "device"
        relation = "meets the criterion of" if match.headquarters else "named in"
        listed = f"{policy.title} ({match.listed})" if match.listed else policy.title
        links.append(Link(relation=relation, subject=named, object=listed, strength=Strength.HIGH.value, source=", ".join(match.sources)))
        return tuple(links)

    def _citations(self, policy: Policy, match: Match | None, tie: Tie | None) -> tuple[Citation, ...]:
        wanted = dict.fromkeys((*policy.citations, *(match.sources if match else ()), *(tie.sources if tie else ())))
        return tuple(self.policies.sources.citation(source) for source in wanted)


def _names(family: Family, what: str, value: str) -> bool:
    if what == "family":
        return family.id == value
    return family.headquarters.status is Status.CONFIRMED and family.headquarters.country == value


def _same(one: str | None, other: str) -> bool:
    return one is not None and fold(one) == fold(other)


def device_side(identity: Identity) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """The part of the chain that is the device's own: its badge and its strongest tells; and the evidence lines."""
    links: list[Link] = []
    brand = identity.slots.get("brand")
    told: list[Claim] = sorted(
        (c for c in identity.because if c.slot in ("maker", "brand")), key=lambda c: (c.slot != "brand", -c.weight, c.by, c.value)
    )
    if brand:
        first = next((c for c in told if c.slot == "brand"), None)
        strength = _strength(identity.confidence.get("brand", 0.0))
        links.append(
            Link(relation="badge", subject=identity.device, object=brand, strength=strength, source=first.by if first else "not recorded")
        )
    evidence: list[str] = []
    tells = 0
    for claim in told:
        for seen in claim.because:
            line = f"{seen.field}={seen.value[:MAX_SHOWN]}"
            evidence.append(f"{line} ({claim.by})")
            if claim.slot == "maker" and tells < MAX_TELLS:
                tells += 1
                links.append(Link(relation="tell", subject=line, object=claim.value, strength=_strength(claim.weight), source=claim.by))
    return tuple(links), tuple(dict.fromkeys(evidence))[: MAX_TELLS * 4]


def _strength(confidence: float) -> str:
    return "high" if confidence >= 0.75 else "medium" if confidence >= 0.5 else "low"


def assess(
    identities: Iterable[Identity],
    policies: Policies,
    families: Families,
    site: Site | Mapping[str, Site],
    on: date,
    *,
    records: Mapping[tuple[str, str], DeviceRecord] | None = None,
) -> Iterator[Finding]:
    """One finding per device and policy that has something to say, in order of the devices, then of policy id.

    `records` are what keepers know of devices, by (site, device).
    """
    assessor = Assessor(policies, families, site, on, records)
    for identity in identities:
        yield from assessor.findings(identity)


def verdicts(
    identity: Identity,
    policies: Policies,
    families: Families,
    site: Site | Mapping[str, Site],
    on: date,
    *,
    record: DeviceRecord = NO_RECORD,
) -> dict[str, Finding]:
    """What every policy says of one device, `not matched` and `not assessed` with their reasons."""
    return Assessor(policies, families, site, on, {(identity.site, identity.device): record}).verdicts(identity)
