"""What a run will ask of whom, before a packet leaves: for the operator (`--dry-run`) and for the sweep itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netcam.collect import second_opinion
from netcam.collect.interfaces import Interface
from netcam.collect.pace import Rates
from netcam.collect.scope import Address, Network, Scope, countable, hosts, no_device
from netcam.protocols import axis
from netcam.protocols.commands import Conversation, Discovery, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """What the operator asked for."""

    site: str
    sensor: str
    scan: str
    targets: tuple[str, ...]
    scope: Scope | None
    profile: str
    interfaces: tuple[str, ...]
    done: frozenset[str]
    """Addresses that an interrupted run has finished."""
    state_dir: Path
    second_opinion: bool = False
    """Whether nmap is asked about devices that stay unknown."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Bounds of the settings, below those of the profile."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """MAC -> address that the scope excludes, of devices known before: such a device is asked at none of its addresses."""
    community: str = field(default="", repr=False)
    """SNMP community that the operator gives for the devices of the targets; none is ever guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much is asked, how often, and how fast."""

    rates: Rates
    tries: int
    """How often a question is put that may be lost on the way (ARP, multicast, unicast UDP)."""
    listen: float
    """Seconds to wait for answers after the last question."""
    arp_wait: float
    mld: bool = False
    """Whether IPv6 nodes are asked for their groups. A query may win the election of the link's querier from a router, so only where
    everything is asked."""
    thorough: bool = False
    """Whether a device is asked everything even where what it has said leaves no doubt what it is, or that groups reach it."""


QUICK = Rates(conversations_per_second=400, conversations_per_device=20, half_open=256, frames_per_second=4000, datagrams_per_second=2000)
"""All devices together get under 2 Mbit/s; what one camera notices is the rate per device. A firewall on the way keeps each conversation for
two minutes after its end: 48,000 of them, where small ones hold 65,536."""
PROFILES = {
    "polite": Profile(rates=Rates(), tries=2, listen=2.5, arp_wait=1.0),
    "standard": Profile(
        rates=QUICK,
        # at 10 % loss each way a question and its answer fail with 0.19: four tries leave 0.13 % unheard
        tries=4, listen=3.0, arp_wait=1.4,
    ),
    "deep": Profile(
        rates=QUICK,
        tries=5, listen=4.0, arp_wait=1.7, mld=True, thorough=True,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request with everything resolved. Nothing has been sent."""

    request: SweepRequest
    profile: Profile
    networks: tuple[Network, ...]
    interfaces: tuple[Interface, ...]
    discoveries: tuple[Discovery, ...]
    conversations: tuple[Conversation, ...]
    paths: tuple[str, ...]
    """Static pages asked for beside `/`, once HTTP has answered."""

    def on_link(self, network: Network) -> Interface | None:
        """The interface on whose link the whole network stands, or None where it is routed."""
        for one in self.interfaces:
            if any(n.version == network.version and network.subnet_of(n) for n in one.networks):  # type: ignore[arg-type]
                return one
        return None

    def links(self) -> list[Interface]:
        """The interfaces on whose links the run looks; every link has its own fe80::/64."""
        return [i for i in self.interfaces if self.six(i) or any(self.on_link(n) is i for n in self.networks)]

    def whole(self, link: Interface) -> bool:
        """Whether the run covers all of a network on `link`: only then may it speak to everybody there."""
        return any(n.version == 4 and any(n.subnet_of(w) for w in self.networks if w.version == 4) for n in link.networks)

    def six(self, link: Interface) -> bool:
        """Whether the run covers an IPv6 network of `link`."""
        return any(n.version == 6 and any(n.subnet_of(w) for w in self.networks if w.version == 6) for n in link.networks)

    def questions(self, nonce: str) -> list[tuple[Discovery, Question]]:
        """Every datagram of every discovery protocol that this run may send: IPv6 groups only where a network of that family is swept."""
        six = any(self.six(link) for link in self.interfaces)
        return [(one, question) for one in self.discoveries for question in one.questions(nonce) if six or ":" not in question.host]

    def size(self) -> int:
        """Addresses to cover."""
        return sum(n.num_addresses - len(no_device(n, self.attached())) for n in self.networks if countable(n))

    def attached(self) -> list[Network]:
        """The networks of the interfaces."""
        return [n for one in self.interfaces for n in one.networks]

    def hosts(self, network: Network) -> Iterator[Address]:
        """The addresses of one of its networks that a device may have."""
        return hosts(network, self.attached())

    def records(self) -> Iterator[dict[str, Any]]:
        """The dry run: one record per probe, then the budget."""
        tries, links = self.profile.tries, self.links()
        each = once = 0
        for network in self.networks:
            on = self.on_link(network)
            if on is not None and network.version == 4:
                packets = network.num_addresses * (tries + 1)  # once more in the end
                once += packets
                yield {"type": "probe", "protocol": "arp", "to": f"{network} on {on.name}", "sends": "ARP request, who has this address (RFC 826)", "packets": packets}  # fmt: skip
            elif on is not None:
                continue
            elif countable(network):
                yield {"type": "probe", "protocol": "tcp", "to": str(network), "sends": "TCP connect to the usual ports of cameras; no link layer here", "packets": network.num_addresses * 12}  # fmt: skip
        for link in links:
            if self.whole(link):
                once += tries
                yield {"type": "probe", "protocol": "sadp_link", "to": f"ff:ff:ff:ff:ff:ff on {link.name}", "sends": "SADP inquiry in a frame of its own (EtherType 0x8033)", "packets": tries}  # fmt: skip
            if self.six(link) and self.profile.mld:
                once += 1
                yield {"type": "probe", "protocol": "mld", "to": f"ff02::1 on {link.name}", "sends": "MLD general query, who has joined which group (RFC 3810)", "packets": 1}  # fmt: skip
            if self.six(link):
                packets = tries * sum(a.version == 6 for a in link.addresses)
                once += packets
                yield {"type": "probe", "protocol": "icmpv6", "to": f"ff02::1 on {link.name}", "sends": "ICMPv6 echo request to all nodes of the link (RFC 4443)", "packets": packets}  # fmt: skip
        for one, question in self.questions("00000000-0000-4000-8000-000000000000"):
            if question.host == "{unicast}":
                each += tries
                where = f"each device that answers, UDP {question.port}"
            else:
                asking = [i for i in links if (self.six(i) if ":" in question.host else self.whole(i))]
                if not asking:
                    continue
                once += tries * len(asking)
                where = f"{question.host}, UDP {question.port}"
            yield {"type": "probe", "protocol": one.name, "to": where, "sends": one.sends, "packets": tries}
        for talk in self.conversations:
            ports = ", ".join(map(str, talk.ports + talk.tls_ports))
            each += 10 * len(talk.ports + talk.tls_ports)
            yield {"type": "probe", "protocol": talk.name, "to": f"each device that answers, TCP {ports}", "sends": talk.sends, "packets": f"up to {10 * len(talk.ports + talk.tls_ports)}"}  # fmt: skip
        each += 10 * len(self.paths)
        yield {"type": "probe", "protocol": "http", "to": "each device that answers HTTP", "sends": "GET " + ", ".join(self.paths), "packets": f"up to {10 * len(self.paths)}"}  # fmt: skip
        each += 10
        yield {
            "type": "probe",
            "protocol": "axis",
            "to": "each device that shows signs of this maker",
            "sends": axis.SENDS,
            "packets": "up to 10",
        }
        if self.request.second_opinion:
            yield {"type": "probe", "protocol": "nmap", "to": "open ports of devices that stay unknown", "sends": second_opinion.SENDS, "packets": "nmap's own"}  # fmt: skip
        rates = self.profile.rates if self.request.scope is None else self.profile.rates.limited(self.request.scope.rates)
        yield {
            "type": "budget",
            "site": self.request.site,
            "profile": self.request.profile,
            "addresses": self.size(),
            "packets_for_the_network": once,
            "packets_per_device_at_most": each,
            "conversations_per_second": rates.conversations_per_second,
            "conversations_per_second_and_device": rates.conversations_per_device,
            "frames_per_second": rates.frames_per_second,
            "sent": 0,
        }


def described(networks: Sequence[Network]) -> str:
    """Networks in words, the first few."""
    some = ", ".join(str(n) for n in networks[:4])
    return some + (f" and {len(networks) - 4} more" if len(networks) > 4 else "")
