"""Who is on the link, through the link helpers: ARP, the ICMPv6 echo of all nodes, SADP frames."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import Any, Protocol

from netcam.collect.gate import Gate
from netcam.collect.interfaces import Interface
from netcam.collect.plan import Plan
from netcam.collect.scope import Network, no_device
from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import sadp_link

LAST_WORDS = 0.4
"""Seconds the link helper gets to say what it had sent: the stop switch must work within one."""


class Met(Protocol):
    """What is known of a device that was met (see `discover.Found`)."""

    mac: str
    mac_via: str


def zoned(address: str, link: Interface) -> str:
    """A link-local address with its zone (RFC 4007), any other as it is."""
    return f"{address}%{link.name}" if ip_address(address).is_link_local else address


class OnLink:
    """Asks links through helpers; `meet` and `add` tell the discoverer of devices and facts."""

    def __init__(
        self, plan: Plan, gate: Gate, notes: list[str], unreached: dict[str, str], own: set[str],
        meet: Callable[[str, str], Met | None], add: Callable[[str, str, str, Fact, bytes], None],
    ) -> None:  # fmt: skip
        self.plan, self.gate, self.notes, self.unreached, self.own, self.meet, self.add = plan, gate, notes, unreached, own, meet, add
        self.macs_six: dict[str, str] = {}
        """IPv6 address (with its zone) -> MAC."""
        self.sent_by_arp: dict[Network, int] = {}
        """ARP requests that a helper which has not ended yet told of."""

    async def echo(self, link: Interface) -> None:
        """Ask all IPv6 nodes of a link for an echo, from each of its addresses: a node answers with one of the same kind."""
        sources = [str(a.ip).partition("%")[0] for a in link.addresses if a.version == 6]
        mld = ["mld"] if self.plan.profile.mld else []
        helper = await self.gate.link(
            link.name, str(self.plan.profile.tries), str(self.plan.profile.listen), *mld, *sources, helper="icmpv6"
        )
        assert helper.stdout is not None

        def told(line: bytes) -> None:
            said = json.loads(line)
            if said.get("done"):
                self.gate.count("icmpv6", said["sent"], said["bytes"], "icmpv6", "ff02::1", 0, b"")
                return
            address = zoned(said["address"], link)
            self.macs_six[address] = said["mac"]
            if address not in self.own and (one := self.meet(address, "icmpv6")) is not None:
                one.mac, one.mac_via = said["mac"], "icmpv6"

        try:
            async for line in helper.stdout:
                told(line)
            if await helper.wait() == 3:
                self.notes.append(
                    f"{link.name}: no privilege for the ICMPv6 echo (CAP_NET_RAW); IPv6 devices are found by their answers to groups only"
                )
        finally:
            if helper.returncode is None:
                await self._end(helper, told)

    async def sadp(self, link: Interface) -> None:
        """Ask for SADP devices by a frame to everybody: those whose addresses are of another range answer too."""
        own = link.ipv4 or "0.0.0.0"  # noqa: S104 - no address of its own yet
        payload = sadp_link.inquiry(bytes.fromhex(link.mac.replace(":", "")), ip_address(own).packed, random.getrandbits(32))
        profile = self.plan.profile
        helper = await self.gate.link(link.name, str(profile.tries), str(profile.listen), payload.hex(), helper="sadp")
        assert helper.stdout is not None

        def told(line: bytes) -> None:
            said = json.loads(line)
            if said.get("done"):
                self.gate.count("sadp_link", said["sent"], said["bytes"], "sadp", "ff:ff:ff:ff:ff:ff", 0, b"")
                return
            raw = bytes.fromhex(said["payload"])
            try:
                facts = sadp_link.parse(raw)
            except DecodeError:
                return
            address = next((f.value for f in facts if f.field == "sadp.IPv4Address"), "")
            if not address or ip_address(address).is_unspecified:
                self.notes.append(f"{link.name}: {said['mac']} answers SADP on the link and has no address")
                return
            if address in self.own or (one := self.meet(address, "sadp_link")) is None:
                return
            one.mac, one.mac_via = one.mac or said["mac"], one.mac_via if one.mac else "sadp_link"
            for fact in facts:
                self.add(address, "sadp_link", address, fact, raw)

        try:
            async for line in helper.stdout:
                told(line)
            await helper.wait()  # without the privilege ARP has said so already
        finally:
            if helper.returncode is None:
                await self._end(helper, told)

    async def arp(self, link: Interface, network: Network, *, tries: int = 0, known: Collection[str] = ()) -> bool:
        """Ask a network by ARP, `tries` times (0: as the profile says), except those that are `known`; False where the privilege is missing."""
        nobody = {str(a) for a in no_device(network, self.plan.attached())}
        left_out = self.plan.request.done | self.own | nobody | {a for a in known if ":" not in a and ip_address(a) in network}
        runs = self.gate.arp_targets(network, left_out)
        if not runs:
            return True
        profile = self.plan.profile
        source = link.source_for(network) or "0.0.0.0"  # noqa: S104 - an ARP probe, RFC 5227
        rate, wait = self.gate.rates.frames_per_second, profile.arp_wait
        helper = await self.gate.link(link.name, source, str(rate), str(tries or profile.tries), str(wait))
        assert helper.stdin is not None
        assert helper.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                helper.stdin.write("".join(f"{first} {last}\n" for first, last in runs).encode())
                await helper.stdin.drain()
                helper.stdin.close()
            async for line in helper.stdout:
                self._arp_told(network, json.loads(line))
            code = await helper.wait()
        finally:
            if helper.returncode is None:
                await self._end(helper, lambda line: self._arp_told(network, json.loads(line)))
                if (least := self.sent_by_arp.pop(network, 0)) > 0:
                    self.gate.count("arp", least, least * 60, "arp", str(network), 0, b"")
                    self.notes.append(f"{network}: the ARP helper was ended before it told all; at least {least} requests were sent")
        if code == 4:
            for address in self.plan.hosts(network):
                self.unreached[str(address)] = f"interface {link.name} went away"
            return True
        if code not in (0, 3):
            raise RuntimeError(f"the link helper ended with {code}")
        return code == 0

    def _arp_told(self, network: Network, told: dict[str, Any]) -> None:
        """A line of the link helper: an answer, how much it has sent, or at its end what it sent in all."""
        if "so_far" in told:
            self.sent_by_arp[network] = told["so_far"]
            return
        if told.get("done"):
            self.sent_by_arp.pop(network, None)
            self.gate.count("arp", told["sent"], told["sent"] * 60, "arp", str(network), 0, b"")
            if told["dropped"]:
                self.notes.append(f"{network}: the kernel dropped {told['dropped']} ARP answers; sweep again at a lower rate")
            if strange := sorted(set(told["vlans"]) - self._vlans(network)):
                self.notes.append(
                    f"{network}: frames of VLANs {', '.join(map(str, strange[:20]))} come tagged to this port; those networks were not asked (--vlan)"
                )
            if told["lost"]:
                self.notes.append(f"{network}: {told['lost']} ARP requests could not be sent")
            return
        one = self.meet(told["address"], "arp")
        if one is not None:
            if one.mac and one.mac != told["mac"]:
                self.add(told["address"], "arp", told["address"], Fact("mac", told["mac"]), b"")
            one.mac, one.mac_via = one.mac or told["mac"], "arp"

    def _vlans(self, network: Network) -> set[int]:
        """The VLANs that the run has joined on the link of `network`."""
        link = self.plan.on_link(network)
        tails = [i.name.rpartition(".") for i in self.plan.interfaces]
        return {int(number) for trunk, dot, number in tails if link and dot and number.isdigit() and link.name.startswith(trunk)}

    async def _end(self, helper: asyncio.subprocess.Process, told: Callable[[bytes], None]) -> None:
        """Stop the link helper; what it had sent is still counted."""
        assert helper.stdout is not None
        with contextlib.suppress(ProcessLookupError):
            helper.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                async for line in helper.stdout:
                    told(line)
                await helper.wait()
        if helper.returncode is None:
            helper.kill()
            await helper.wait()
