"""A place with cameras, as its operator describes it. Nothing here is ever guessed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site's class, jurisdiction and links decide which policies reach it."""

    id: str
    site_class: str = "unset"
    """`unset`, `force-estate` (the organisation's own estate), `sensitive-government`, `shared`, `public-space` ..."""
    jurisdiction: str = "unset"
    """`gb-eng`, `gb-sct`, `gb-wls`, `gb-nir`, `us`, `ca`, `au` ... or `unset`."""
    links: tuple[str, ...] = ()
    """Recorded ties that bring a foreign text into reach, such as `us-federal-contract`."""
    owner: str = ""
    name: str = ""
    contract: str = ""
