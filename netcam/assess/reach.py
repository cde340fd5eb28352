"""Whether a policy reaches a site: by its jurisdiction, its class and the links its operator recorded. Nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass

from netcam.catalog.policies import Policy, Said
from netcam.model import Site, verdict_rank


@dataclass(frozen=True, slots=True)
class Reached:
    """What a sure match comes to on a site, and why."""

    said: Said
    inside: bool | None
    """Whether the text binds the site; None where its class or jurisdiction is not set."""
    text: str


def at_home(policy: Policy, jurisdiction: str) -> bool:
    """Whether the text speaks in a jurisdiction; `gb` covers `gb-eng`."""
    return any(home in ("any", jurisdiction) or jurisdiction.startswith(f"{home}-") for home in policy.reach.home)


def reached(policy: Policy, site: Site) -> Reached:
    """How the policy reads on the site."""
    binds = f"It binds: {'; '.join(policy.binds)}." if policy.binds else "It binds nobody."
    links = sorted((link for link in site.links if link in policy.reach.links), key=lambda link: (-_rank(policy.reach.links[link]), link))
    unset = site.jurisdiction == "unset"
    if links:
        return Reached(policy.reach.links[links[0]], None, f"{binds} This site records the link {links[0]}: ask the contract's owner.")
    if unset and policy.reach.unset == "elsewhere":
        told = f"{binds} Neither a jurisdiction nor a link to {policy.jurisdiction} is recorded for this site: for information."
        return Reached(policy.severity.elsewhere, None, told)
    if not unset and not at_home(policy, site.jurisdiction):
        told = f"{binds} This site lies in {site.jurisdiction} and records no link to {policy.jurisdiction}: for information."
        return Reached(policy.severity.elsewhere, False, told)
    return _home(policy, site, binds, unset)


def _home(policy: Policy, site: Site, binds: str, unset: bool) -> Reached:
    said = policy.severity.by_site.get(site.site_class, policy.severity.default)
    beyond = f" It does not bind: {'; '.join(policy.does_not_bind)}." if policy.does_not_bind else ""
    bound = policy.reach.binding_classes
    where = " The site's jurisdiction is not set; it is read as one at home." if unset else ""
    if not bound:
        return Reached(said, False, f"{binds}{beyond} No class of site is bound by it.{where}")
    if site.site_class == "unset":
        told = f"{binds}{beyond} The class of this site is not set, so whether it is inside is not known.{where}"
        return Reached(said, None, told)
    if site.site_class in bound:
        return Reached(said, None if unset else True, f"{binds} This site is recorded as {site.site_class}: inside its reach.{where}")
    return Reached(said, False, f"{binds}{beyond} This site is recorded as {site.site_class}: outside its reach.{where}")


def other_classes(policy: Policy, site: Site) -> list[tuple[str, Said]]:
    """What a sure match would come to on sites of other classes, strongest first."""
    now = reached(policy, site).said
    if site.jurisdiction != "unset" and not at_home(policy, site.jurisdiction):
        return []
    others = {name: said for name, said in policy.severity.by_site.items() if name != site.site_class and said is not now}
    return sorted(others.items(), key=lambda pair: (-_rank(pair[1]), pair[0]))


def _rank(said: Said) -> int:
    return verdict_rank(said.verdict)
