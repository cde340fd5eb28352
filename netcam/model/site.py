"""A place with cameras, as its operator describes it. Nothing here is ever guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SITE_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "unset": "nobody has said; no text that binds a class reaches it for sure",
        "force-estate": "the organisation's own estate",
        "sensitive-government": "a site inside the government's definition of a sensitive site",
        "hosting-government": "an organisation's building with a government function or government material in it",
        "shared": "shared with other organisations",
        "public-space": "public space, often with a partner's cameras",
        "contractor": "run by or for a contractor",
        "other": "none of these",
    }
)
"""Class of a site -> what it means. Settings and policies speak these words and no others."""

JURISDICTIONS = (
    "unset", "gb", "gb-eng", "gb-sct", "gb-wls", "gb-nir", "us", "ca", "au", "nz", "ie", "fr", "de", "nl", "be", "dk", "se", "no", "fi",
    "ee", "lv", "lt", "pl", "cz", "it", "es", "pt", "tw", "jp", "kr", "in", "il", "other",
)  # fmt: skip
"""ISO 3166 codes in lower case, with the parts of the United Kingdom apart: they have their own rules."""

LINKS: Mapping[str, str] = MappingProxyType(
    {
        "us-federal-contract": "a contract with a US federal agency",
        "us-federal-grant": "a grant or loan of US federal money",
        "us-run-site": "a site that a US agency runs or uses",
        "us-defence-contract": "a contract with the US Department of Defense, or under one",
        "us-import": "equipment is sent to or sold in the United States",
        "us-export": "goods or technology under US export control are handed to makers",
        "ca-federal-contract": "a contract with the Government of Canada",
        "au-commonwealth-contract": "a contract with the Commonwealth of Australia",
        "gb-department-tenant": "a UK central government department uses part of the site",
    }
)
"""Recorded ties that can bring a text from elsewhere into reach. A link of the site's own begins with `local-`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site's class, jurisdiction and links decide which policies reach it."""

    id: str
    site_class: str = "unset"
    """One of SITE_CLASSES."""
    jurisdiction: str = "unset"
    """One of JURISDICTIONS."""
    links: tuple[str, ...] = ()
    """Some of LINKS, or words that begin with `local-`."""
    owner: str = ""
    name: str = ""
    contract: str = ""
