"""Why an identity says what it says: every claim with the observation it rests on, and the chain from badge to owner."""

from __future__ import annotations

from collections.abc import Iterator

from netcam.catalog.maker_file import Fingerprint
from netcam.catalog.makers import Makers
from netcam.model import PUBLISHED, SLOTS, Claim, Identity


def lines(identity: Identity, makers: Makers) -> Iterator[str]:
    """Plain lines; the caller escapes them."""
    yield f"device {identity.device}  {', '.join(identity.addresses)}  {', '.join(identity.macs)}"
    camera = {True: "yes", False: "no", None: "unknown"}[identity.is_camera]
    yield f"camera or recorder: {camera}"
    if identity.mac_registrant:
        yield f"MAC prefix registered to: {identity.mac_registrant} (whose network chip it is; it proves no maker)"
    for slot in SLOTS:
        value = identity.get(slot)
        if value is None:
            if slot in ("kind", "brand", "maker", "model", "firmware"):
                yield f"{slot:10} unknown"
            continue
        yield f"{slot:10} {value}  ({identity.confidence[slot]:.2f})"
        mine = [c for c in identity.because if c.slot == slot]
        if not mine and slot == "kind":
            yield f"           nothing told it; {value} is what {identity.get('maker')} usually makes and what such a device does"
        elif not mine:
            yield f"           no badge was seen; {value} is what {identity.get('maker')} puts on its own products"
        for claim in mine:
            seen = claim.because[0]
            yield f"           {claim.weight:.2f} {claim.by}: {seen.field} = {seen.value[:160]} (at {seen.endpoint or '?'} by {seen.via or '?'})"
        for claim in identity.disputed:
            if claim.slot == slot:
                yield f"           against: {claim.value}, {claim.weight:.2f} {claim.by}: {claim.because[0].field} = {claim.because[0].value[:120]}"
    yield from chain(identity, makers)


def chain(identity: Identity, makers: Makers) -> Iterator[str]:
    """Badge -> tell -> maker -> owner: one line a link, each with its strength and where that is written."""
    brand, maker = identity.get("brand"), identity.get("maker")
    if maker is None:
        on_record = zip(relations(identity, makers), makers.relations.asked(brand) if brand else (), strict=True)
        asked = [f"on record, not on this device: {told}; owner {_owner(one.maker, makers)}" for told, one in on_record]
        asked += _lines(brand, None, makers)
        yield f"chain: badge {brand} -> (asked) -> maker not proven" if asked else "chain: no maker is proven"
        yield from (f"  {told}: a question, and no finding" for told in asked)
        return
    file = makers.makers.get(maker)
    owner = _owner(maker, makers)
    mine = [c for c in identity.because if c.slot == "maker"]
    published = bool(mine) and all(c.origin == PUBLISHED for c in mine)
    yield f"chain: badge {brand or 'unknown'} -> {'published relation' if published else 'tell'} -> maker {maker} -> owner {owner}"
    badges = [c for c in identity.because if c.slot == "brand"]
    for claim in badges:
        yield f"  badge  {brand}  {strength_word(claim.weight)} ({claim.weight:.2f})  {_seen(claim)}  source: {_source(claim, makers)}"
    if brand and not badges:
        yield f"  badge  {brand}  assumed ({identity.confidence['brand']:.2f})  no badge was seen; it is the maker's own name"
    for claim in mine:
        link = "line" if claim.origin == PUBLISHED else "tell"
        yield f"  {link}   {claim.by}  {strength_word(claim.weight)} ({claim.weight:.2f})  {_seen(claim)}  source: {_source(claim, makers)}"
    if published:
        yield f"  asked  nothing of {maker}'s own showed on this device: to be checked with the supplier, and no finding"
    sure = identity.confidence["maker"]
    origins = sorted({c.origin for c in mine})
    yield f"  maker  {maker}  {strength_word(sure)} ({sure:.2f})  from {len(origins)} independent origins: {', '.join(origins)}"
    told = relations(identity, makers)
    yield from (f"  made by  {one}" for one in told)
    if brand and makers.brand(maker, brand) is None and not published and not makers.same_brand(maker, brand):
        yield f"  made by  {brand} -> {maker}  no file lists this relation: the tells on this device alone say so"
    if file is not None:
        legal = f"; legal entities: {', '.join(file.legal)}" if file.legal else ""
        yield f"  owner  {owner}  {file.country.upper() or 'country not recorded'}{legal}  source: maker file {maker}"
    yield from _asked(brand, maker, makers)


def _asked(brand: str | None, maker: str, makers: Makers) -> Iterator[str]:
    """What is published of the badge and other makers than the one that the device shows."""
    said = [
        f"asked  {brand} -> {one.maker}?  strength {one.brand.strength or 'not recorded'}: {one.brand.scope or 'scope not recorded'}  "
        f"source: {one.brand.source or 'not recorded'}"
        for one in (makers.relations.asked(brand) if brand else ())
        if one.maker != maker and makers.makers[one.maker].makes_cameras
    ]
    yield from (f"  {told}: what is known of this device says {maker}" for told in (*said, *_lines(brand, maker, makers)))


def _owner(maker: str, makers: Makers) -> str:
    file = makers.makers.get(maker)
    return (file.owner if file else "") or "not recorded"


def _lines(brand: str | None, maker: str | None, makers: Makers) -> list[str]:
    """The badge's model lines that other makers build, with their sources and owners."""
    return [
        f"asked  {brand} -> {held.maker}? -> owner {_owner(held.maker, makers)}  strength {held.line.strength}: models "
        f"such as {', '.join(held.line.examples[:2])}{f', {held.line.period}' if held.line.period else ''}  source: {held.line.source}"
        for held in (makers.relations.lines(brand) if brand else ())
        if held.maker != maker
    ]


def relations(identity: Identity, makers: Makers) -> list[str]:
    """Who makes products of this badge, as maker files record it with its strength and source: of the device's maker, else of every one."""
    brand, maker = identity.get("brand"), identity.get("maker")
    return [
        f"{brand} -> {one.maker}  strength {one.brand.strength or 'not recorded'}: {one.brand.scope or 'scope not recorded'}"
        f"{f', {one.brand.period}' if one.brand.period else ''}  source: {one.brand.source or 'not recorded'}"
        for one in (makers.relations.asked(brand) if brand else ())
        if maker in (None, one.maker)
    ]


def strength_word(weight: float) -> str:
    """How strong a link of this weight is."""
    return "strong" if weight >= 0.8 else "medium" if weight > 0.5 else "weak"


def _seen(claim: Claim) -> str:
    first = claim.because[0]
    return f"{first.field} = {first.value[:100]}"


def _source(claim: Claim, makers: Makers) -> str:
    if claim.origin == PUBLISHED:
        return makers.relations.source(claim.by)
    known = makers.by_id.get(claim.by)
    if known is None:
        return "IEEE registry of MAC prefixes" if claim.by == "mac-prefix" else "not recorded"
    examples = known[1].examples
    mine = [e for e in examples if e.says.get(claim.slot) == claim.value]  # a pattern of many badges has their sources
    return next((e.source for e in (*mine, *examples)), "") or "not recorded"


def fingerprint_lines(one: Fingerprint, makers: Makers) -> Iterator[str]:
    """A fingerprint with its examples and their sources."""
    yield f"{one.id} ({one.status}, weight {one.strength:.2f}) at {makers.places[one.id]}"
    test = next(f"{name} {value!r}" for name in ("match", "equals", "prefix", "contains") if (value := getattr(one, name)))
    yield f"  where {one.field} {test}"
    yield from (f"  and {a.field} match {a.match!r}" for a in one.all_of)
    yield from (f"  unless {a.field} match {a.match!r}" for a in one.unless)
    yield "  says " + ", ".join(f"{slot} = {value}" for slot, value in one.says.items())
    yield from (f"  seen: {e.see[:200]!r} ({e.source})" for e in one.examples)
    yield from (f"  not: {m.see[:200]!r}" for m in one.near_misses)


def why_not(identity: Identity, maker: str, makers: Makers) -> Iterator[str]:
    """Which signals of a maker a device does not show. Raises ConfigError for a maker that no file knows."""
    from netcam.catalog.text import nearest
    from netcam.errors import ConfigError, shown

    file = next((m for name, m in makers.makers.items() if name.lower() == maker.lower()), None)
    if file is None:
        raise ConfigError("--why-not", f"no file for maker {shown(maker)}", nearest(maker, makers.makers))
    have = {c.by for c in (*identity.because, *identity.disputed)}
    yield f"{identity.device}: maker {identity.get('maker') or 'unknown'}; signals of {file.maker}:"
    for owner, one in makers.owned:
        if owner == file.maker and "maker" in one.says and one.status != "retired":
            yield f"  {'seen   ' if one.id in have else 'missing'} {one.id}: {one.field}"
