"""Where a web page says whose it is: what its head says of it, its first heading, its logo, and whom it writes or links to.

A page speaks of many things; only these places speak of the device itself. Running text of the page is left to fingerprints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import islice

from netcam.model import Fact

MAX_PAGE = 32_768
"""Characters of a page that are looked through: head, logo and foot of a login page stand within."""
MAX_TAGS = 400
"""Tags that are looked at."""
MAX_SAID = 200
"""Characters of a text that are kept: a name, not an essay."""
MAX_SITES = 2
"""Foreign sites that a page may link to before its links say nothing: a list of links is no imprint."""

_TAG = re.compile(r"<(meta|img|a|h1)\b([^<>]{0,600})>(?:([^<>]{1,200})<)?", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z:-]{2,20})\s{0,3}=\s{0,3}(?:"([^"]{0,300})"|'([^']{0,300})'|([^\s"'<>]{1,300}))""", re.IGNORECASE)
_HEAD = frozenset({"author", "copyright", "generator", "description", "application-name", "og:site_name", "apple-mobile-web-app-title"})
_HOST = re.compile(r"\A(?:https?:)?//([a-z0-9.-]{4,80})", re.IGNORECASE)
_MAIL = re.compile(r"\Amailto:[^@\s]{1,64}@([a-z0-9.-]{4,80})", re.IGNORECASE)
_EVERYBODYS = re.compile(
    r"(?:\A|\.)(?:google|gstatic|googleapis|adobe|macromedia|microsoft|apple|mozilla|java|sun|oracle|videolan|opera|w3|jquery|github|"
    r"cloudflare|jsdelivr|unpkg|bootstrapcdn|fontawesome|youtube|facebook|twitter|linkedin|example|onvif|upnp|openssl|gnu)\.[a-z.]{2,8}\Z",
    re.IGNORECASE,
)
"""Sites that pages link to whoever made them: browsers, plug-ins, libraries."""


def said(page: str) -> Iterator[Fact]:
    """What a page says of itself, in the order of the page."""
    sites: dict[str, None] = {}
    for tag in islice(_TAG.finditer(page[:MAX_PAGE]), MAX_TAGS):
        name, inner, text = tag[1].lower(), tag[2], tag[3]
        if name == "h1":
            yield from _fact("http.heading", text or "")
            continue
        has = {one[1].lower(): one[2] or one[3] or one[4] or "" for one in _ATTRIBUTE.finditer(inner)}
        if name == "meta":
            key = (has.get("name") or has.get("property") or "").lower()
            if key in _HEAD:
                yield from _fact(f"http.meta.{key.removeprefix('og:')}", has.get("content", ""))
        elif name == "img":
            file = has.get("src", "").partition("?")[0].rpartition("/")[2]
            alt = has.get("alt", "")
            if any("logo" in one.lower() for one in (file, alt, has.get("id", ""), has.get("class", ""))):
                yield from _fact("http.logo", alt)
                yield from _fact("http.logo", file if "logo" in file.lower() else "")
        elif (site := _HOST.match(has.get("href", "")) or _MAIL.match(has.get("href", ""))) and not _EVERYBODYS.search(site[1]):
            sites.setdefault(site[1].lower().removeprefix("www."))
    if len(sites) <= MAX_SITES:
        yield from (Fact("http.link", site) for site in sites)


def _fact(field: str, text: str) -> Iterator[Fact]:
    told = " ".join(unescape(text).split())[:MAX_SAID]
    if told:
        yield Fact(field, told)
