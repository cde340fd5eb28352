"""What a scan could not look at, as findings: a network that was not reached is not assessed, and never an empty one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from netcam.model import Coverage, CoverageState, Finding, Verdict

RULE = "not-looked-at"
MAX_REASONS = 3
"""Reasons told of one network, the commonest first."""


def unreached(site: str, coverage: Iterable[Coverage]) -> Iterator[Finding]:
    """One finding for each /24 (IPv4) or /64 (IPv6) with addresses that were not reached."""
    missed: dict[IPv4Network | IPv6Network, Counter[str]] = defaultdict(Counter)
    looked: Counter[IPv4Network | IPv6Network] = Counter()
    for line in coverage:
        network = _network(line.address)
        if network is None:
            continue
        if line.state is CoverageState.NOT_REACHED:
            missed[network][line.reason or "no reason recorded"] += 1
        else:
            looked[network] += 1
    for network in sorted(missed, key=lambda one: (one.version, int(one.network_address))):
        count = missed[network].total()
        why = "; ".join(reason for reason, _ in missed[network].most_common(MAX_REASONS))
        asked = count + looked[network]
        yield Finding(
            rule=RULE,
            kind="coverage",
            device=str(network),
            title="Not assessed: the scan did not reach it",
            verdict=Verdict.NOT_ASSESSED,
            severity="low",
            site=site,
            subject="coverage",
            text=f"{count} of {asked} addresses asked for in {network} were not reached ({why}). "
            "No policy was applied there: that is no statement about any device.",
            evidence=(f"not reached: {count}", f"looked at: {looked[network]}"),
            would_change=("a completed scan that reaches these addresses",),
            action="Run `netcam scan --resume`, or put a sensor where these addresses can be reached.",
        )


def reached(told: Iterable[Finding], coverage: Iterable[Coverage]) -> frozenset[str]:
    """Networks of earlier findings of `unreached` that a completed scan has looked at now, as widely as they were asked for then."""
    asked = {
        one.device: sum(int(count) for _, _, count in (word.partition(": ") for word in one.evidence)) for one in told if one.rule == RULE
    }
    if not asked:
        return frozenset()
    looked = Counter(str(_network(line.address)) for line in coverage if line.state is not CoverageState.NOT_REACHED)
    return frozenset(network for network, count in asked.items() if looked[network] >= count)


def _network(address: str) -> IPv4Network | IPv6Network | None:
    bare = address.partition("%")[0]
    try:
        return ip_network(f"{bare}/{64 if ':' in bare else 24}", strict=False)
    except ValueError:
        return None
