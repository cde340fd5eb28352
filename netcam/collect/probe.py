"""What one device is asked over TCP before login: every conversation of the plan, one at a time, and pages it points to itself."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from netcam.collect import driver, pages
from netcam.collect.discover import Found, Heard
from netcam.collect.driver import Limits, Outcome, ProbeStatus
from netcam.collect.gate import Gate
from netcam.collect.plan import Plan
from netcam.model import Fact
from netcam.protocols import axis, http, onvif, ssdp, tls
from netcam.protocols.commands import Conversation, Exchange, Target

SLOW_AFTER = 2
"""Connects that ran out of time after which a device gets less of it: a host firewall drops them all."""
HURRIED = Limits(connect=0.5, read=3.0, total=8.0)
USUAL = Limits()
RETRY_CONNECT = 2
"""Connects to one port before it counts as filtered: one lost SYN must not hide a camera."""
FIRST = frozenset({"http", "rtsp"})
"""Protocols whose usual ports are asked before anything else."""
ICON = "/favicon.ico"
MAX_LOCATIONS = 3
"""Addresses of its own description that a device may send us to; a real one names one."""
MAX_URL = 512
"""Characters of an address that a device gives; real ones are under 120."""
MAX_XADDRS = 16
"""Service addresses of a device that are looked at; a camera of both families announces four."""
MAX_LED = 2
"""Pages of the same port that an answer may lead us to; a circle of redirects ends here."""
MAX_SIGN = 2048
"""Characters of a value in which a maker's sign is looked for."""
MAX_PAGES_OF_WEB = 2
"""Web ports on which the static pages are asked for: one in clear and one under TLS tell what there is."""


class Prober:
    """Asks devices, one conversation at a time with each."""

    def __init__(self, plan: Plan, gate: Gate, certain: Callable[[str, list[Heard]], bool] | None = None) -> None:
        """`certain` says whether what an address has answered leaves no doubt what it is: then the rest is not asked, unless the profile is thorough."""
        self.plan, self.gate = plan, gate
        self.certain = certain if not plan.profile.thorough else None
        self.context = driver.banner_context()

    async def device(self, address: str, seen: Found) -> list[Heard]:
        """Everything a device says to the plan's conversations."""
        return await _Device(self, address, seen).ask()


class _Device:
    """The conversations with one device."""

    def __init__(self, prober: Prober, address: str, seen: Found) -> None:
        self.plan, self.gate, self.context, self.certain = prober.plan, prober.gate, prober.context, prober.certain
        self.address, self.seen = address, seen
        self.host = f"[{address}]" if ":" in address else address
        self.heard: list[Heard] = []
        self.told: set[tuple[str, str, Fact]] = set()
        self.closed: set[int] = set()
        self.open: set[int] = set()
        self.web: list[tuple[int, bool]] = []
        """Ports that answered HTTP, and whether under TLS."""
        self.late = 0
        self.gone = 0
        """Conversations that could not begin because nobody is there."""

    async def ask(self) -> list[Heard]:
        """The services that tell most; unless they leave no doubt, all others in the order of the registry, and pages that answers point to."""
        for one, port, with_tls in (first := self._services(first=True)):
            await self._service(one, port, with_tls)
        if self.certain is not None and self.web and self.certain(self.address, self.heard):
            for one, port, with_tls in self._services(first=False):
                if one.name == "greeting":  # an open Telnet or FTP is a fact of its own
                    await self._service(one, port, with_tls)
            await self._page(*self.web[0], driver.target(self.address, self.web[0][0], str(uuid.uuid4())), ICON, whole=False)
            return self.heard
        for service in self._services(first=False):
            if service not in first:
                await self._service(*service)
            if self.gone >= SLOW_AFTER and not self.open:
                return self.heard  # it spoke, and nobody is there at the link layer
        for port, with_tls in self.web[:MAX_PAGES_OF_WEB]:
            await self._pages(port, with_tls)
        await self._axis(self.web)
        await self._announced()
        await self._descriptions()
        return self.heard

    def _services(self, *, first: bool) -> list[tuple[Conversation, int, bool]]:
        """What is asked where, and whether under TLS; `first`: the usual ports of what nearly every camera has."""
        found = []
        for one in sorted(self.plan.conversations, key=lambda c: c.name != "http"):
            clear, secret = (one.ports[:1], one.tls_ports[:1]) if first else (one.ports, one.tls_ports)
            if not first or one.name in FIRST:
                found += [(one, port, False) for port in clear] + [(one, port, True) for port in secret]
        return found

    async def _service(self, one: Conversation, port: int, with_tls: bool) -> None:
        if port in self.closed or (self.gone >= SLOW_AFTER and not self.open):
            return
        outcome = await self._talk(one, port, with_tls)
        if one.name == "http" and outcome.status is ProbeStatus.ANSWERED:
            self.web.append((port, with_tls))

    async def _talk(self, one: Conversation, port: int, with_tls: bool) -> Outcome:
        def made() -> Exchange:
            return one.talk(driver.target(self.address, port, str(uuid.uuid4())))

        return await self._exchange(one.name, port, made, with_tls)

    async def _exchange(
        self, name: str, port: int, made: Callable[[], Exchange], with_tls: bool, keep: Callable[[list[Fact]], list[Fact]] = list
    ) -> Outcome:
        outcome = Outcome(ProbeStatus.FAILED)
        for attempt in range(RETRY_CONNECT):
            limits = HURRIED if self.late >= SLOW_AFTER and port not in self.open else USUAL
            outcome = await driver.converse(
                self.gate, self.address, port, made(), protocol=name, tls=with_tls, limits=limits, context=self.context
            )
            if outcome.status is ProbeStatus.TIMEOUT and not outcome.open and self.late < SLOW_AFTER and attempt + 1 < RETRY_CONNECT:
                continue
            break
        endpoint = f"{self.host}:{port}"
        if outcome.open:
            if port not in self.open:
                self.open.add(port)
                self._hear("port", endpoint, Fact("port.open", str(port)), b"")
        else:
            self.closed.add(port)
            self.late += outcome.status is ProbeStatus.TIMEOUT
            self.gone += outcome.reason == driver.UNREACHABLE
        if outcome.tls is not None:
            raw = outcome.tls.certificates[0] if outcome.tls.certificates else b""
            for fact in tls.facts(outcome.tls):
                self._hear("tls", endpoint, fact, raw)
        for fact in keep(outcome.facts):
            self._hear(name, endpoint, fact, outcome.raw)
        return outcome

    def _hear(self, via: str, endpoint: str, fact: Fact, raw: bytes) -> None:
        if (via, endpoint, fact) not in self.told:
            self.told.add((via, endpoint, fact))
            self.heard.append((via, endpoint, fact, raw))

    def _values(self, field: str, endpoint: str | None = None) -> list[str]:
        found = [f.value for _, e, f, _ in (*self.seen.answers, *self.heard) if f.field == field and endpoint in (None, e)]
        return list(dict.fromkeys(found))

    async def _axis(self, web: list[tuple[int, bool]]) -> None:
        """The properties that this maker's devices tell anybody, where a device has shown itself to be one."""
        signs = (f.value[:MAX_SIGN] for _, _, f, _ in (*self.seen.answers, *self.heard))
        if not web or not (axis.SIGNS.search(self.seen.mac.replace(":", "")) or any(axis.SIGNS.search(s) for s in signs)):
            return
        port, with_tls = web[0]
        target = driver.target(self.address, port, "")
        await self._exchange("axis", port, lambda: axis.properties(target), with_tls)

    async def _pages(self, port: int, with_tls: bool) -> None:
        """The static pages that any browser loads before login, and where the first page sends the browser on this device."""
        endpoint = f"{self.host}:{port}"
        answered = [f for _, e, f, _ in self.heard if e == endpoint]
        target = driver.target(self.address, port, str(uuid.uuid4()))
        scheme = "https" if with_tls else "http"
        led = [http.follow(location, target, scheme=scheme) for location in self._values("http.location", endpoint)[:1]]
        led += [http.follow(to, target, scheme=scheme) for f in answered if f.field == "http.body" and (to := http.page_redirect(f.value))]
        first = [path for path in dict.fromkeys(led) if path][:MAX_LED]
        for path in first:
            if not await self._page(port, with_tls, target, path, whole=True):
                return
        for path in pages.wanted([f for _, e, f, _ in self.heard if e == endpoint]):
            if path not in first and not await self._page(port, with_tls, target, path, whole=False):
                return

    async def _page(self, port: int, with_tls: bool, target: Target, path: str, *, whole: bool) -> bool:
        """Ask one page; False where the port has stopped answering."""

        def made() -> Exchange:
            return http.get(target, path)

        def keep(facts: list[Fact]) -> list[Fact]:
            return facts if whole else pages.kept(facts, path)

        outcome = await self._exchange("http", port, made, with_tls, keep)
        return outcome.status not in (ProbeStatus.TIMEOUT, ProbeStatus.OUT_OF_SCOPE, ProbeStatus.REFUSED)

    def _own(self, url: str, schemes: tuple[str, ...] = ("http",)) -> tuple[int, str, str] | None:
        """Port, path and scheme of an address that the device gives for itself; None where it leads anywhere else."""
        try:
            parts = urlsplit(url[:MAX_URL])
            if len(url) > MAX_URL or parts.scheme not in schemes or not parts.hostname:
                return None
            same = ip_address(parts.hostname.partition("%")[0]) == ip_address(self.address.partition("%")[0])
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return None
        path = http.follow(url, driver.target(self.address, port, ""), scheme=parts.scheme)
        return (port, path, parts.scheme) if same and path is not None else None

    async def _announced(self) -> None:
        """The ONVIF service where the device announces it, should that be at another port or path than the usual."""
        talk = next((c for c in self.plan.conversations if c.name.startswith("onvif")), None)
        if talk is None:
            return
        operations = tuple(onvif.OPERATIONS) if talk.name == "onvif" else onvif.PRE_AUTH
        places = [p for url in self._values("onvif.xaddr")[:MAX_XADDRS] if (p := self._own(url, ("http", "https"))) is not None]
        device = [p for p in dict.fromkeys(places) if "device" in p[1].lower() and (p[0] not in talk.ports or p[1] != onvif.PATH)]
        for port, path, scheme in device[:MAX_LOCATIONS]:
            target = driver.target(self.address, port, "")

            def made(path: str = path, target: Target = target) -> Exchange:
                return onvif.ask(target, path, operations)

            await self._exchange(talk.name, port, made, scheme == "https")

    async def _descriptions(self) -> None:
        """The UPnP description that the device itself points to: only on the device's own address."""
        for location in self._values("ssdp.location")[:MAX_LOCATIONS]:
            if (place := self._own(location)) is None:
                continue
            port, path, _ = place
            target = driver.target(self.address, port, "")

            def made(path: str = path, target: Target = target) -> Exchange:
                return ssdp.describe(target, path)

            await self._exchange("upnp", port, made, False)
            await asyncio.sleep(0)
