"""Lines for a person: a policy whole, a corporate family as a tree, why a device is tied to a policy, and a model before it is bought."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from netcam.assess.evidence import DeviceRecord
from netcam.assess.policy import verdicts
from netcam.catalog.advisories import Advisories, Fact, RangeKind, Span
from netcam.catalog.families import Families, Oem, fold
from netcam.catalog.makers import Makers
from netcam.catalog.policies import Match, Policies, Policy, PolicyStatus
from netcam.catalog.sources import Status
from netcam.model import Claim, Finding, Identity, Observation, Site, Verdict, verdict_rank


def policy_lines(policy: Policy, policies: Policies) -> Iterator[str]:
    """A policy whole: text, reach, dates, what it names, what it says, its sources and its cases."""
    yield f"{policy.id} {policy.version} ({policy.status.value})"
    yield f"  {policy.title}"
    yield f"  kind            {policy.kind.value}; {policy.jurisdiction}"
    yield f"  basis           {policy.legal_basis}"
    yield f"  binds           {'; '.join(policy.binds) or 'nobody'}"
    yield f"  does not bind   {'; '.join(policy.does_not_bind) or '-'}"
    if policy.site_definition:
        yield f"  sites           {policy.site_definition}"
    end = f" to {policy.effective.end}" if policy.effective.end else ""
    unsure = "" if policy.effective.start_status is Status.CONFIRMED else " (the day has to be verified)"
    yield f"  in force        from {policy.effective.start}{end}{unsure}"
    yield f"  facts good for  {policy.good_for}; review by {policy.review.by}: {policy.review.reason}"
    by_site = ", ".join(f"{name} {said.value}" for name, said in policy.severity.by_site.items())
    yield f"  comes to        {policy.severity.default.value} at home{'; ' + by_site if by_site else ''}; elsewhere {policy.severity.elsewhere.value}"
    if policy.reach.links:
        yield "  with a link     " + ", ".join(f"{name} {said.value}" for name, said in policy.reach.links.items())
    if policy.effective.milestones:
        yield "dates"
        for stone in policy.effective.milestones:
            yield f"  {stone.date}  {stone.event}{_unsure(stone.status)}{_cited(stone.sources)}"
    if policy.match:
        yield "names"
        yield from (f"  {line}" for match in policy.match for line in _match_lines(match))
    for named in policy.also_named:
        yield f"  also named: {named.name}{' since ' + named.listed if named.listed else ''}{_unsure(named.status)}{_cited(named.sources)}"
    if policy.not_found:
        yield f"  looked for and not found: {', '.join(policy.not_found)}"
    for out in policy.exclusions:
        yield f"  not: {out.what}"
    if policy.checklist:
        yield "asks of every camera"
        yield from (f"  {question.ask}" for question in policy.checklist)
    if policy.sentences:
        yield "says"
        for word, sentence in policy.sentences.items():
            yield f"  {word:12} {sentence}"
    for word, told in policy.action.items():
        yield f"  do ({word}): {told}"
    yield "sources"
    for source_id in policy.citations:
        source = policies.sources.by_id[source_id]
        yield f"  {source_id} ({source.strength.value}): {source.title}. {source.published}. {' ; '.join(source.urls)}"
    if policy.cases:
        yield "cases"
        yield from (f"  {case.expect.value:12} {case.name}" for case in policy.cases)


def _match_lines(match: Match) -> Iterator[str]:
    what, value = match.target
    listed = f" since {match.listed}" if match.listed else ""
    until = f" until {match.until}" if match.until else ""
    kinds = f" for {', '.join(match.products)}" if match.products else ""
    name = f" as {match.listed_as}" if match.listed_as else ""
    yield f"{what} {value}{name}{listed}{until}{kinds}{_unsure(match.status)}{_cited(match.sources)}"
    if match.note:
        yield f"  {match.note}"


def _unsure(status: Status) -> str:
    return "" if status is Status.CONFIRMED else " (to verify: raises no finding)"


def _cited(sources: Iterable[str]) -> str:
    told = ", ".join(sources)
    return f" [{told}]" if told else ""


def advisory_lines(fact: Fact, advisories: Advisories) -> Iterator[str]:
    """A published flaw whole: models, versions and how exact they are, since when exploited, and where it is published."""
    advisory = fact.advisory
    badges = f" ({', '.join(sorted(fact.brands))} only)" if fact.brands else ""
    makers = sorted({name for name, facts in advisories.by_maker.items() if any(one.advisory is advisory for one in facts)})
    yield f"{advisory.id} {', '.join(makers)}{badges}: {advisory.about}{_unsure(advisory.status)}"
    compared = "compared" if advisory.range in (RangeKind.EXPLICIT, RangeKind.ALL_VERSIONS) else "not compared: check the maker's notice"
    yield f"  range           {advisory.range.value}: {compared}"
    for held in fact.rows:
        row = held.row
        models = ", ".join(row.models) or "every model"
        line = f" with firmware {row.line}" if row.line else ""
        spans = "; ".join(_span(span) for span in row.spans) or (
            "every version" if advisory.range is RangeKind.ALL_VERSIONS else "not given"
        )
        some = " (not every one of them)" if row.some else ""
        yield f"  affected        {models}{line}: {spans}{some}{'; mended in ' + row.fixed if row.fixed else ''}"
    if advisory.kev:
        yield f"  exploited       in CISA's catalogue since {advisory.kev}"
    if advisory.exploited:
        yield f"  exploited       {advisory.exploited}"
    if advisory.also:
        yield f"  the same holds  for {', '.join(advisory.also)}"
    if advisory.note:
        yield f"  note            {advisory.note}"
    for source_id in advisory.sources:
        cited = advisories.sources.citation(source_id)
        yield f"  source          {cited.title}. {cited.published}. {cited.url}"
    if advisory.record:
        yield f"  record          {advisory.record}"
    if fact.notices:
        yield f"  maker's notices {fact.notices}"


def _span(span: Span) -> str:
    some = " (some)" if span.some else ""
    if span.built_before is not None:
        return f"built before {span.built_before}{some}"
    if span.exactly:
        return f"exactly {span.exactly}{some}"
    start = f"from {span.start} " if span.start else ""
    end = f"before {span.before}" if span.before else f"through {span.through}" if span.through else "on"
    return f"{start}{end}{some}"


def family_lines(name: str, families: Families) -> Iterator[str]:
    """The tree of a corporate family, or the relations of a badge. Raises ContentError where nothing has the name."""
    rows, former = families.badge_rows(name), families.divested.get(fold(name), ())
    if (rows or former) and families.of_maker(name) is None and families.of_brand(name) is None and name not in families.by_id:
        yield f"{name}: a badge, no corporate family known here"
        for held in rows:
            yield f"  {held.family.id}: {_oem_line(held.row)}"
        for owner, left in former:
            yield f"  left {owner.id} on {left.until}, {left.owner} since; never matched as its affiliate{_cited(left.sources)}"
        return
    family = families.find(name)
    seat = family.headquarters
    yield f"{family.name} ({family.id})"
    yield f"  headquarters: {seat.place}{_unsure(seat.status)}{_cited(seat.sources)}"
    if family.no_maker_file:
        yield f"  no fingerprints: {family.no_maker_file}"
    for party in family.parties:
        since = f" since {party.since}" if party.since else ""
        yield f"  {party.relation}: {party.name}{since}{_unsure(party.status)}{_cited(party.sources)}{': ' + party.note if party.note else ''}"
    for brand in family.brands:
        yield f"  own badge: {brand.brand} ({brand.scope or 'all'}){_unsure(brand.status)}{_cited(brand.sources)}"
    for row in family.oem:
        yield f"  {_oem_line(row)}"
    for gone in family.divested:
        yield f"  left the group: {gone.name} on {gone.until}, {gone.owner} since; never matched{_unsure(gone.status)}{_cited(gone.sources)}"
    if family.note:
        yield f"  {family.note}"


def _oem_line(row: Oem) -> str:
    use = {"high": "states the maker", "medium": "asks at the model", "low": "asks the supplier only"}[row.strength.value]
    period = " to ".join(str(d) for d in (row.since, row.until) if d) or row.period
    models = f"; models {', '.join(row.models)}" if row.models else ""
    spelled = f" ({', '.join(row.also)})" if row.also else ""
    when = f"; {period}" if period else ""
    return f"made for: {row.brand}{spelled}: {row.scope}{models}{when}; strength {row.strength.value}: {use}{_unsure(row.status)}{_cited(row.sources)}"


def why_lines(
    identity: Identity, findings: Iterable[Finding], policies: Policies, families: Families, stand: Callable[[Finding], str] = lambda _: ""
) -> Iterator[str]:
    """How a device is tied to each policy that says something of it, link by link with strengths; and what would change it.

    `stand` tells what people decided on a finding; empty where nobody did.
    """
    slots = ", ".join(f"{slot} {value} ({identity.confidence.get(slot, 0):.2f})" for slot, value in identity.slots.items())
    yield f"{identity.device}: {slots or 'nothing is known of it'}"
    if identity.mac_registrant:
        yield f"  MAC prefix registered to {identity.mac_registrant}: the network chip's address block, not the maker"
    mine = sorted((f for f in findings if f.kind == "policy"), key=lambda f: (-verdict_rank(f.verdict) if f.verdict else 0, f.rule))
    if not mine:
        yield "  no policy says anything of it"
    for finding in mine:
        stale = "; STALE: past its review date" if finding.stale else ""
        yield f"{finding.verdict}: {finding.rule}: {finding.title} (facts good for {finding.good_for}{stale})"
        yield f"  {finding.text}"
        if decided := stand(finding):
            yield f"  {decided}"
        for link in finding.chain:
            yield f"  {link.subject} -> {link.relation} -> {link.object}  [{link.strength}; {link.source}]"
        for change in finding.would_change:
            yield f"  would change it: {change}"
        if finding.action:
            yield f"  to do: {finding.action}"
        for cited in finding.citations:
            yield f"  source: {cited.title}. {cited.published}. {cited.url}"
    family = families.of_maker(identity.get("maker"))
    if family is not None:
        yield f"  the group: netcam policy family {family.id}"
    for claim in identity.disputed:
        if claim.slot in ("maker", "brand"):
            yield f"  disputed: {claim.slot} {claim.value} ({claim.weight:.2f}) by {claim.by}"
    silent = [p.id for p in policies.policies.values() if p.id not in {f.rule for f in mine}]
    if silent:
        yield f"  says nothing of it, or asks of every camera alike: {', '.join(silent)}"


def check_model(
    brand: str,
    model: str,
    policies: Policies,
    families: Families,
    *,
    on: date,
    site: Site | None = None,
    kind: str = "camera",
    bought: date | None = None,
    makers: Makers | None = None,
) -> list[Finding]:
    """What the policies would say of a model before it is bought: strongest first, `not matched` and drafts left out. No network is touched."""
    identity = offered(brand, model, families, kind, makers)
    found = verdicts(identity, policies, families, site or Site(id=""), on, record=DeviceRecord(bought=bought or on))
    drafts = {policy.id for policy in policies.policies.values() if policy.status is PolicyStatus.DRAFT}  # they raise nothing anywhere
    told = [f for f in found.values() if f.verdict is not Verdict.NOT_MATCHED and f.rule not in drafts]
    return sorted(told, key=lambda f: (-verdict_rank(f.verdict) if f.verdict else 0, f.rule))


def offered(brand: str, model: str, families: Families, kind: str = "camera", makers: Makers | None = None) -> Identity:
    """A device on offer as an identity: the badge is what the seller says, and a badge of the maker's own names the maker.

    Of a badge that somebody else makes devices for, even some, only the seller can say who made this one.
    """
    said = Observation(field="offer.brand", value=brand)
    slots = {"kind": kind, "brand": brand} | ({"model": model} if model else {})
    because = [Claim(slot="brand", value=brand, weight=1.0, by="offer", because=(said,))]
    shared = families.of_brand(brand) or families.badge_rows(brand)
    if makers is not None and not shared and (maker := makers.told_by(brand)):
        slots["maker"] = maker
        because.append(Claim(slot="maker", value=maker, weight=1.0, by="offer", because=(said,)))
    return Identity(device=f"{brand} {model}".strip(), slots=slots, confidence=dict.fromkeys(slots, 1.0), because=tuple(because))
