"""Who is there: ARP through the link helper, questions to groups and to each device, TCP connects where there is no link layer."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from netcam.collect.gate import Datagrams, Gate, OutOfScope
from netcam.collect.interfaces import Interface, neighbours
from netcam.collect.onlink import OnLink
from netcam.collect.plan import Plan
from netcam.collect.scope import Network, countable, inside
from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols.commands import MAX_FACTS, Discovery, Question

GAP = 0.4
"""Seconds between two sends of one question: long enough that a burst of loss does not eat both."""
MAX_FOUND = 1 << 17
"""Devices of one run: one that answers for ten thousand others must not fill memory."""
MAX_ANSWERS = 400
"""Facts from datagrams kept per device; a real one yields under 100."""
CONNECT_PORTS = (80, 443, 554, 8000, 37777, 34567, 22, 8080)
"""Ports whose answer (open or refused) shows that a device is there, where ARP cannot: those cameras have open."""
CONNECTS_AT_ONCE = 256
MAX_OF_ONE = 256
"""Addresses of one MAC, and addresses on the link that speak without answering ARP, that are asked: a /24 behind a bridge that answers ARP
for it. A device that answers for ten thousand others must not take the run's time."""
MAX_STRANGERS = 512
"""Addresses outside the networks swept that are told of: forged ones must not fill the record."""
MAX_DATAGRAMS = 4000
"""Datagrams read of one address; a device that answers every question of every protocol sends under 200."""
STILL = 0.4
"""Seconds without a datagram after which no more answers are waited for."""
LISTEN_AT_MOST = 4
"""Times the listening time after which the waiting ends all the same: some device always talks."""
BLIND = ("wsdiscovery", "sadp", "dhip")
"""Protocols whose question is put to every silent address of a routed network: one datagram each finds most cameras."""
MAX_AGAIN = 1 << 13
"""Addresses of a network whose silent ones are asked once more in the end; of a larger one that would take minutes at a polite rate."""
MAX_BLIND = 1 << 16
"""Addresses asked so; more would take hours at a polite rate."""

Heard = tuple[str, str, Fact, bytes]
"""via, endpoint, fact, raw answer."""


def kinds(questions: Iterable[Question]) -> set[str]:
    """How a protocol asks everybody: by `broadcast`, by `multicast`."""
    return {"broadcast" if q.host == "255.255.255.255" else "multicast" for q in questions if q.host != "{unicast}"}


@dataclass(slots=True)
class Found:
    """A device as discovery knows it."""

    mac: str = ""
    mac_via: str = "arp"
    first_via: str = ""
    open_port: str = ""
    answers: list[Heard] = field(default_factory=list)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    replied: set[str] = field(default_factory=set)
    """Protocols in which it answered us, as an announcement to everybody does not show."""


class Discoverer:
    """Finds devices of a plan; fills `found`, `notes` and `unreached` as it goes."""

    def __init__(
        self,
        plan: Plan,
        gate: Gate,
        found: dict[str, Found],
        notes: list[str],
        unreached: dict[str, str],
        tell: Callable[[str, int, int], None],
    ) -> None:
        self.plan, self.gate, self.found, self.notes, self.unreached, self.tell = plan, gate, found, notes, unreached, tell
        self.nonce = str(uuid.uuid4())
        self._sockets: dict[tuple[str, int, bool], Datagrams] = {}
        self._garbled = 0
        self._datagrams: Counter[str] = Counter()
        self.crowded: dict[str, str] = {}
        """Addresses that are there and not asked, with the reason."""
        self.shunned: dict[str, str] = {}
        """Addresses of devices that the scope excludes under another address, with the reason: they are not asked either."""
        self._by_arp: set[Network] = set()
        self._own = {str(one.ip) for link in plan.interfaces for one in link.addresses}
        self._links = OnLink(plan, gate, notes, unreached, self._own, self._meet, self._heard_on_link)

    async def run(self) -> None:
        """Ask the link, the groups, and then each device that is there."""
        links = self.plan.links()
        for link in links:
            await self._open(link)
        if any(self.plan.on_link(n) is None and n.version == 4 for n in self.plan.networks):
            await self._open(None)
        wide = [i for i in links if self.plan.whole(i)]
        for link in links:
            if link not in wide and any(
                a.version == 4 and self.plan.on_link(n) is link for a in link.addresses for n in self.plan.networks if n.version == 4
            ):
                self.notes.append(
                    f"{link.name}: questions to groups were not sent: they reach the whole link, and the targets are only part of it"
                )
        if wide and self.gate.exclude:
            self.notes.append(
                "excluded addresses were sent nothing of their own; like every device of the link they may hear ARP and group questions"
            )
        self.tell("looking for devices", 0, self.plan.size())
        async with asyncio.TaskGroup() as group:
            for network in self.plan.networks:
                group.create_task(self._network(network))
            for link in links:
                if link in wide or self.plan.six(link):
                    group.create_task(self._groups(link))
                if link in wide:
                    group.create_task(self._links.sadp(link))
                if self.plan.six(link):
                    group.create_task(self._links.echo(link))
        self._thin_out()
        await self._each()
        self.notes.extend(self._thin_out())  # once more: forged answers go on while devices are asked
        table = neighbours()
        for address, one in self.found.items():
            if not one.mac and address in table:
                one.mac, one.mac_via = table[address], "neighbour"
        for address, one in self.found.items():
            if ":" in address and not one.mac:
                one.mac, one.mac_via = self._links.macs_six.get(address, ""), "icmpv6"
        if self._garbled:
            self.notes.append(f"{self._garbled} datagrams were no answer of the protocol that was asked")

    def _thin_out(self) -> list[str]:
        """Choose which addresses are not asked: those of a MAC, or of a link, that are more than devices can be. Returns notes on them."""
        self._shun()
        told: list[str] = []
        macs: dict[str, list[str]] = {}
        for address, one in self.found.items():
            if not self.gate.permits(ip_address(address.partition("%")[0])):
                continue
            if one.mac:
                macs.setdefault(one.mac, []).append(address)
            elif any(ip_address(address.partition("%")[0]) in n for n in self._by_arp):
                macs.setdefault("", []).append(address)
        for mac, addresses in macs.items():
            if len(addresses) <= MAX_OF_ONE:
                continue
            who = f"{mac} answers for {len(addresses)} addresses" if mac else f"{len(addresses)} addresses speak and do not answer ARP"
            told.append(f"{who}: only the first {MAX_OF_ONE} were asked; a router that answers ARP for others, a trap, or forged answers")
            self.crowded |= dict.fromkeys(addresses[MAX_OF_ONE:], f"{who}; not asked")
        return told

    def _shun(self) -> None:
        """Who excludes a device by its IPv4 address does not want it asked over IPv6: of MACs behind excluded addresses, as far as they are
        known (of before, or by the kernel), no other address is asked."""
        if not self.gate.exclude:
            return
        macs = dict(self.plan.request.excluded)
        macs |= {mac: text for text, mac in neighbours().items() if inside(ip_address(text), self.gate.exclude)}
        for address, one in self.found.items():
            mac = one.mac or self._links.macs_six.get(address, "")
            if mac in macs and self.gate.permits(ip_address(address.partition("%")[0])):
                self.shunned[address] = f"its device is excluded by the scope file, as {macs[mac]}"

    async def close(self) -> None:
        """Close the sockets that listen."""
        for one in self._sockets.values():
            one.close()
        self._sockets.clear()

    def second_family(self, address: str) -> bool:
        """Whether an IPv6 address belongs to a device that is asked on its IPv4 address already."""
        mac = self.found[address].mac or self._links.macs_six.get(address, "")
        return ":" in address and bool(mac) and any(one.mac == mac for other, one in self.found.items() if "." in other)

    def silence(self, network: Network) -> str:
        """Why an address of `network` counts as silent."""
        return "no answer to ARP" if network in self._by_arp else "no answer to connects and questions"

    def _meet(self, address: str, via: str) -> Found | None:
        one = self.found.get(address)
        if one is None:
            if len(self.found) >= MAX_FOUND:
                return None
            one = self.found[address] = Found(first_via=via)
        return one

    async def _network(self, network: Network) -> None:
        link = self.plan.on_link(network)
        if link is not None and network.version == 4:
            if await self._links.arp(link, network):
                self._by_arp.add(network)
                return
            self.notes.append(
                f"{network}: no privilege for ARP (CAP_NET_RAW); asked by TCP connect and the kernel's neighbour table instead"
            )
        elif link is not None and not countable(network):
            return  # IPv6 on this link: the echo to all nodes and the questions to groups find who is there
        elif link is not None:
            self.notes.append(f"{network}: asked by TCP connect, for which the kernel looks for each neighbour")
        elif not countable(network):
            self.notes.append(f"{network}: too large to ask every address, and on no link of this machine: not swept")
            return
        else:
            self.notes.append(f"{network}: not on a link of this machine; asked by TCP connect, so a device that drops them is not seen")
        await self._connects(network)

    async def _connects(self, network: Network) -> None:
        """Find devices by TCP connect: an open or refused port shows one, silence shows nothing."""
        slots = asyncio.Semaphore(CONNECTS_AT_ONCE)
        total, done = network.num_addresses, 0

        async def one(address: str) -> None:
            nonlocal done
            async with slots:
                await self._connect(address)
            done += 1
            if done % 64 == 0:
                self.tell("looking for devices", done, total)

        async with asyncio.TaskGroup() as group:
            for address in self.plan.hosts(network):
                if self.gate.permits(address) and str(address) not in self.plan.request.done:
                    if slots.locked():
                        await asyncio.sleep(0)
                    group.create_task(one(str(address)))
        if self.plan.on_link(network) is not None:
            # a device whose firewall drops every connect has still answered the kernel's ARP request
            for text, mac in neighbours().items():
                if ip_address(text) in network and self.gate.permits(ip_address(text)) and (met := self._meet(text, "neighbour")):
                    met.mac, met.mac_via = mac, "neighbour"

    async def _connect(self, address: str) -> None:
        on_link = self.plan.on_link(next(n for n in self.plan.networks if ip_address(address) in n)) is not None
        for port in CONNECT_PORTS:
            try:
                async with self.gate.connect(address, port, "connect", timeout=0.8):
                    pass
            except TimeoutError:
                if on_link and "." in address and address not in neighbours():
                    return  # nobody answered the kernel's ARP request, so nobody will accept
                continue
            except ConnectionRefusedError:
                self._meet(address, "connect")
                return
            except OutOfScope:
                continue
            except OSError as error:
                if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM, errno.EACCES):
                    if not on_link:
                        self.unreached[address] = (
                            "no route, or a router refuses" if error.errno != errno.EPERM else "a local rule forbids it"
                        )
                    return
                continue
            one = self._meet(address, "connect")
            if one is not None:
                one.open_port = str(port)
            return

    async def _open(self, link: Interface | None) -> None:
        """Sockets for all questions on `link` (None: by route); one per local port, shared by the protocols that want it."""
        wanted: dict[int, tuple[set[str], list[Discovery]]] = {}
        for one, question in self.plan.questions(self.nonce):
            for port, join in ((question.bind_port, question.join), (question.listen_port, question.join)):
                if port == 0:
                    continue
                groups, readers = wanted.setdefault(port, (set(), []))
                groups.update(join)
                if one not in readers:
                    readers.append(one)
        for port, (groups, readers) in wanted.items():
            await self._socket(link, port, sorted(g for g in groups if ":" not in g), readers)
            if link is not None and self.plan.six(link):
                await self._socket(link, port, sorted(g for g in groups if ":" in g), readers, six=True)
        for number, one in enumerate(self.plan.discoveries):
            await self._socket(link, -1 - number, [], [one])
            if link is not None and self.plan.six(link):
                await self._socket(link, -1 - number, [], [one], six=True)

    async def _socket(self, link: Interface | None, port: int, groups: list[str], readers: list[Discovery], *, six: bool = False) -> None:
        def heard(data: bytes, addr: tuple[Any, ...]) -> None:
            # a port of our own choice is known to nobody who was not asked from it
            self._heard(readers, data, str(addr[0]), int(addr[1]), reply=port < 0)

        try:
            if six and link is not None:
                made = await self.gate.datagrams6(link, heard, bind_port=max(port, 0), join=groups)
            else:
                made = await self.gate.datagrams(link, heard, bind_port=max(port, 0), join=groups)
        except OSError as error:
            names, where = ", ".join(r.name for r in readers), link.name if link else "the routed side"
            self.notes.append(f"{names}: UDP port {port} on {where} cannot be used ({error.strerror}); answers there are not heard")
            return
        self._sockets[(link.name if link else "", port, six)] = made

    async def _ask(self, link: Interface | None, one: Discovery, question: Question, host: str) -> None:
        key = question.bind_port or -1 - self.plan.discoveries.index(one)
        made = self._sockets.get((link.name if link else "", key, ":" in host))
        if made is not None:
            with contextlib.suppress(OSError, OutOfScope):
                await self.gate.ask(made, question.data, host, question.port, one.name)

    async def _groups(self, link: Interface) -> None:
        """Put every question to its group or broadcast, several times, and listen."""
        wide, six = self.plan.whole(link), self.plan.six(link)
        asked = [(one, q) for one, q in self.plan.questions(self.nonce) if q.host != "{unicast}" and (six if ":" in q.host else wide)]
        for round_ in range(self.plan.profile.tries):
            if round_:
                await asyncio.sleep(GAP)
            for one, question in asked:
                await self._ask(link, one, question, question.host)
        await self._listen(self.plan.profile.listen)

    async def _listen(self, seconds: float) -> None:
        """Wait for answers, and longer while they still come: a busy network or machine is late, not silent."""
        end = time.monotonic() + LISTEN_AT_MOST * seconds
        await asyncio.sleep(seconds)
        before = -1
        while before != self._datagrams.total() and time.monotonic() < end:
            before = self._datagrams.total()
            await asyncio.sleep(STILL)

    def _tries_alone(self, link: Interface | None, *, heard: bool) -> int:
        """How often a device is put a question alone: on a link it was asked with everybody before, and `heard` says whether it answered."""
        tries = self.plan.profile.tries
        return tries if link is None or self.plan.profile.thorough else 1 if heard else min(2, tries)

    async def again(self) -> None:
        """Ask silent addresses of links once more by ARP, and who answers what groups were asked: a burst, or its start, may have kept it silent."""
        before = set(self.found)
        async with asyncio.TaskGroup() as group:
            for network in self._by_arp:
                link = self.plan.on_link(network)
                if link is not None and network.num_addresses <= MAX_AGAIN:
                    group.create_task(self._links.arp(link, network, tries=1, known=before))
        if late := set(self.found) - before:
            self.notes.extend(note for note in self._thin_out() if note not in self.notes)
            await self._each(late)

    async def _each(self, some: Collection[str] | None = None) -> None:
        """Put the unicast questions to every device that is there, or to `some` that came late."""
        asked = [(one, q) for one, q in self.plan.questions(self.nonce) if q.host == "{unicast}"]
        if not asked:
            return
        links: dict[str, Interface | None] = {}
        for address in self.found if some is None else some:
            plain = ip_address(address.partition("%")[0])
            if not self.gate.permits(plain) or address in self.crowded or address in self.shunned:
                continue
            if ":" not in address:
                links[address] = self.plan.on_link(next(n for n in self.plan.networks if plain in n))
            elif not self.second_family(address):
                zone = address.partition("%")[2]
                links[address] = next((i for i in self.plan.interfaces if i.name == zone or inside(plain, i.networks)), None)

        ways = {one.name: kinds(one.questions(self.nonce)) for one in self.plan.discoveries} | {"sadp_link": {"broadcast"}}

        async def one_device(address: str, link: Interface | None) -> None:
            heard = [] if self.plan.profile.thorough else [ways[name] for name in self.found[address].replied]
            # what it answered was put to everybody: questions of that kind reach it, and it was asked those as often already
            reached = {kind for some in heard if len(some) == 1 for kind in some}
            for one, question in asked:
                if link is not None and ways[one.name] & reached:
                    continue
                for round_ in range(self._tries_alone(link, heard=bool(heard))):
                    if round_ and any(via == one.name for via, *_ in self.found[address].answers):
                        break
                    await self._ask(link, one, question, address)

        async def blind(network: Network) -> None:
            first = {one.name: (one, question) for one, question in reversed(asked) if one.name in BLIND}
            for number, one_address in enumerate(self.plan.hosts(network)):
                text = str(one_address)
                if number >= MAX_BLIND:
                    self.notes.append(f"{network}: only the first {MAX_BLIND} addresses were asked by datagram")
                    return
                if text not in self.found and self.gate.permits(one_address) and text not in self.plan.request.done:
                    for one, question in first.values():
                        await self._ask(None, one, question, text)

        async with asyncio.TaskGroup() as group:
            for address, link in links.items():
                if address not in self.plan.request.done:
                    group.create_task(one_device(address, link))
            for network in self.plan.networks if some is None else ():
                if network.version == 4 and self.plan.on_link(network) is None:
                    group.create_task(blind(network))
        await self._listen(min(1.5, self.plan.profile.listen))
        await self._follow({a: link for a, link in links.items() if a not in self.plan.request.done}, asked)

    async def _follow(self, links: Mapping[str, Interface | None], asked: Sequence[tuple[Discovery, Question]]) -> None:
        """Ask a device for more of what it listed, as often as any question is put."""
        ports = {one.name: (one, question) for one, question in asked if one.follow is not None}
        heard = False
        for address, link in links.items():
            for one, question in ports.values():
                said = [fact for via, _, fact, _ in self.found[address].answers if via == one.name]
                more = one.follow(said) if one.follow is not None and said else b""
                for _ in range(self.plan.profile.tries if more else 0):
                    heard = True
                    await self._ask(link, one, replace(question, data=more), address)
        if heard:
            await self._listen(min(1.5, self.plan.profile.listen))

    def _heard(self, readers: list[Discovery], data: bytes, address: str, port: int, *, reply: bool = False) -> None:
        """A datagram: the first codec that can read it does."""
        if address in self._own:
            return  # a broadcast comes back to who sent it
        if self._datagrams[address] >= MAX_DATAGRAMS:
            return
        if len(self._datagrams) < MAX_FOUND or address in self._datagrams:
            self._datagrams[address] += 1
        for one in readers:
            try:
                facts = list(one.parse(data))[:MAX_FACTS]
            except DecodeError:
                continue
            device = self._meet(address, one.name)
            if device is None:
                return
            if reply:
                device.replied.add(one.name)
            kept = one.redact(data)
            endpoint = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            for fact in facts:
                self._add(device, one.name, endpoint, fact, kept)
            if not device.mac:
                for fact in facts:
                    if fact.field in one.mac_fields and len(digits := fact.value.lower().replace("-", "").replace(":", "")) == 12:
                        device.mac, device.mac_via = ":".join(digits[n : n + 2] for n in range(0, 12, 2)), one.name
            return
        self._garbled += 1

    def _heard_on_link(self, address: str, via: str, endpoint: str, fact: Fact, raw: bytes) -> None:
        if via == "sadp_link":
            self.found[address].replied.add(via)
        self._add(self.found[address], via, endpoint, fact, raw)

    def _add(self, one: Found, via: str, endpoint: str, fact: Fact, raw: bytes) -> None:
        key = (via, fact.field, fact.value)
        if key not in one.seen and len(one.answers) < MAX_ANSWERS:
            one.seen.add(key)
            one.answers.append((via, endpoint, fact, raw))
