"""Whether a claim and a label mean the same: names by the catalog, models without their trimmings, firmware by the maker's way of counting."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netcam.catalog import versions
from netcam.catalog.makers import Makers
from netcam.identify.labels import kind
from netcam.model import KINDS

_SALES_PREFIX = re.compile(r"\A(?:DHI?|HIK|UNV)-(?=[A-Z])", re.IGNORECASE)
"""Sales prefixes that makers print before the model in some places and leave out in others."""
_BRACKETS = re.compile(r"\s*[(\[][^)\]]{0,40}[)\]]\s*\Z")
"""What stands in brackets behind a model: colour, region, lens."""
_THING = re.compile(
    r"(?:\s+(?:(?:(?:fixed|mini|hd|ip|wireless|outdoor|indoor|dome|ptz|bullet|network|internet|security|video|digital|poe|wi-?fi)[ -])*"
    r"(?:camera|recorder|encoder|server|series|doorbell|ipcam|nvr|dvr)s?))\s*\Z",
    re.IGNORECASE,
)
"""What a model is, in words behind it."""
_BUILD = re.compile(r"[\s,_.]{0,3}\bbuild\b|[\s_]+(?=(?:20)?\d{6}(?!\d))|,|\.{2,}", re.IGNORECASE)
"""Where the number of a firmware ends and its build begins."""
_DAY = re.compile(r"(?<!\d)20(\d{2})[-_./]?(\d{2})[-_./]?(\d{2})(?!\d)")
_FILLERS = frozenset({"v", "ver", "version", "build", "date", "fw", "firmware", "rel", "release"})


def same(slot: str, said: str | None, wanted: str | None, makers: Makers, maker: str | None = None) -> bool:
    """Whether a claim and a label mean the same: case and punctuation never matter.

    A maker counts under its legal, former and short names and those of its own lines, a brand under its spellings, a model with or without
    its brand's name, sales prefix and what stands in brackets behind it, a firmware whose label gives no build day by its number alone. `maker` tells by whose scheme firmware is compared.
    """
    if said is None or wanted is None:
        return False
    if slot == "maker":
        return bare(makers.maker_of(said)) == bare(makers.maker_of(wanted))
    if slot == "brand":
        return bare(makers.badge(said)) == bare(makers.badge(wanted))
    if slot == "kind":
        return said.casefold() == kind(wanted)
    if slot == "model":
        return bool({*_models(said, makers)} & {*_models(wanted, makers)})
    file = makers.makers.get(makers.called(maker)) if maker else None
    return _same_firmware(said, wanted, file.version_scheme if file else "")


def known(slot: str, wanted: str, makers: Makers) -> bool:
    """Whether a label names something that the catalog knows: a claim could never match it otherwise. Models and versions are free."""
    if slot == "maker":
        return makers.maker_of(wanted) in makers.makers
    if slot == "brand":
        return makers.is_name(makers.badge(wanted))
    return slot != "kind" or kind(wanted) in KINDS


def _models(model: str, makers: Makers) -> Iterator[str]:
    """The ways in which a model may be written."""
    whole = model.strip()
    texts = {whole}
    for text in (whole, *re.split(r"\s+(?:/|or)\s+|\s*[,;]\s+", whole)):
        plain = _BRACKETS.sub("", text)
        texts |= {text, plain, _THING.sub("", plain)}
    for text in texts:
        words = text.split()
        for start in range(min(len(words), 4)):
            if start and not makers.is_name(" ".join(words[:start])):
                continue
            rest = " ".join(words[start:])
            yield bare(rest)
            yield bare(_SALES_PREFIX.sub("", rest))


def _same_firmware(said: str, wanted: str, scheme: str) -> bool:
    if bare(said) == bare(wanted) or _parts(said) == _parts(wanted) or (scheme and versions.compare(scheme, said, wanted) == 0):
        return True
    if len(_BUILD.split(wanted.strip())) > 1:
        return False  # the label tells a build that the claim leaves out or tells otherwise
    return bool(_parts(wanted)) and _parts(_BUILD.split(said.strip(), maxsplit=1)[0]) == _parts(wanted)


def _parts(version: str) -> tuple[str, ...]:
    """A version's numbers and letters in order, days alike however they are written, without the words around them."""
    text = _DAY.sub(r" \1\2\3 ", version.casefold())
    return tuple(part.lstrip("0") or "0" for part in re.findall(r"[a-z]+|\d+", text) if part not in _FILLERS)


def bare(text: str) -> str:
    """Letters and digits in small letters."""
    return re.sub(r"[\W_]+", "", text).casefold()
