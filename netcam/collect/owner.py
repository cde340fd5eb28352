"""What a camera or recorder tells its owner's account over ONVIF, and which channels a recorder has. Read-only; one refusal ends it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import zeep.exceptions
from lxml import etree
from onvif.client import ONVIFService
from onvif.exceptions import ONVIFError
from onvif.settings import DEFAULT_SETTINGS

from netcam.collect.credentials import Account
from netcam.collect.driver import TLSContext
from netcam.collect.gate import Gate, OutOfScope
from netcam.collect.soap import Challenged, GateTransport, Unreachable
from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, onvif

MAX_CHANNELS = 512
"""Channels of one recorder; the largest single ones have 256."""
MAX_PLACES = 3
"""Service addresses of one device that are tried until one answers."""
MAX_SKEW = timedelta(days=365 * 40)
"""A clock further off than that is no clock: without a battery they start in 1970."""

_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_RECORDING = "http://www.onvif.org/ver10/recording/wsdl"
_UPLINK = "http://www.onvif.org/ver10/uplink/wsdl"
_SERVICES = {
    _DEVICE: ("devicemgmt.wsdl", "DeviceBinding"),
    _MEDIA: ("media.wsdl", "MediaBinding"),
    _RECORDING: ("recording.wsdl", "RecordingBinding"),
}
_UNSUPPORTED = ("actionnotsupported", "notsupported", "optionalactionnotimplemented", "noentity", "unknownaction", "notimplemented")
_REFUSED = ("notauthorized", "failedauthentication", "invalidsecurity", "not authorized", "authority failure", "operationprohibited")


class Status(StrEnum):
    """How it ended with one device."""

    ANSWERED = "answered"
    """With the owner's account."""
    OPEN = "open"
    """Everything was told without any account: anybody on the network may ask."""
    PARTLY = "partly"
    """The account was taken, and then a question refused: it has not the right to ask that."""
    REFUSED = "refused"
    LOCKED = "refused before"
    IN_CLEAR = "in clear only"
    """The device takes the password in clear only, which the site does not allow: nothing was sent."""
    NO_ACCOUNT = "no account"
    ELSEWHERE = "another device"
    """Another device has its address now: no account was shown."""
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device's ONVIF service is."""

    port: int
    tls: bool = False
    path: str = onvif.PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel of a recorder, and what the recorder says of the camera behind it."""

    number: int
    name: str = ""
    address: str = ""
    """Where the recorder takes the video from, as it says: an IP address, empty where it says none."""
    location: str = ""


@dataclass(slots=True, kw_only=True)
class Told:
    """The result for one device."""

    status: Status
    place: Place | None = None
    facts: list[Fact] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    note: str = ""
    calls: int = 0


class _Refused(Exception):
    """The device refused the owner's account."""


class _Service(ONVIFService):  # type: ignore[misc]
    """The library's service with our transport instead of its HTTP client: no connection of its own is ever made."""

    def __init__(self, transport: GateTransport, url: str, namespace: str, account: Account | None, skew: timedelta | None) -> None:
        wsdl, binding = _SERVICES[namespace]
        self.url, self.xaddr = str(_wsdl_folder() / wsdl), url
        self.binding_name, self.binding_key = f"{{{namespace}}}{binding}", binding
        self.user: str | None = account.user if account else None
        self.passwd: str | None = account.password.reveal() if account else None
        self.encrypt, self.dt_diff, self._no_cache = True, skew, True
        self.transport = transport
        self.document = None


@cache
def _wsdl_folder() -> Path:
    import onvif as library

    # the library lets a document be of any size and depth: an answer of a device has bounds
    DEFAULT_SETTINGS.xml_huge_tree = False
    for name in ("onvif", "zeep"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # it logs whole messages
    return Path(library.__file__).parent / "wsdl"


def places(xaddrs: Iterable[str], address: str, open_ports: Iterable[int] = ()) -> list[Place]:
    """Where to ask, TLS first: what the device announced of its own address, else the usual ports among the open ones."""
    found: list[Place] = []
    for text in xaddrs:
        with contextlib.suppress(ValueError):
            url = urlsplit(text[:512])
            if url.scheme in ("http", "https") and url.hostname and ip_address(url.hostname) == ip_address(address.partition("%")[0]):
                tls = url.scheme == "https"
                found.append(Place(url.port or (443 if tls else 80), tls, url.path or onvif.PATH))
    ports = list(open_ports)
    found += [Place(443, True)] if 443 in ports else []
    found += [Place(port) for port in onvif.CONVERSATION.ports if port in ports]
    # one device's services share a port; the device service is the one to begin with
    first = sorted(dict.fromkeys(found), key=lambda p: (not p.tls, "device" not in p.path))
    return list({(p.port, p.tls): p for p in reversed(first)}.values())[::-1][:MAX_PLACES] or [Place(80)]


async def ask(
    gate: Gate, address: str, where: Sequence[Place], account: Account | None, *, context: TLSContext, clear: bool, now: datetime,
    elsewhere: Callable[[], str] = lambda: "",
) -> Told:  # fmt: skip
    """Ask one device. `clear`: the site allows its password to be sent so that anybody on the way can read it.

    `elsewhere` is asked once something has answered, before the account is shown: the MAC of another device that has the address now.
    """
    told = Told(status=Status.UNREACHABLE)
    for place in where:
        talk = _Talk(gate, address, place, account, context=context, clear=clear, now=now, elsewhere=elsewhere)
        told = await talk.run()
        told.place, told.calls = place, talk.transport.calls
        if told.status is not Status.UNREACHABLE:
            break
    return told


class _Talk:
    """The questions to one device at one place."""

    def __init__(
        self, gate: Gate, address: str, place: Place, account: Account | None, *, context: TLSContext, clear: bool, now: datetime,
        elsewhere: Callable[[], str],
    ) -> None:  # fmt: skip
        self._elsewhere = elsewhere
        self.transport = GateTransport(gate, address, place.port, tls=place.tls, context=context)
        self._place, self._account, self._clear, self._now = place, account, clear, now
        self._skew: timedelta | None = None
        self._way = ""
        """How the account is shown: empty (not yet needed), `token` (WS-Security digest), `digest`, `basic` (HTTP)."""
        self._accepted = False
        self._facts = decoding.Facts()
        self._channels: list[Channel] = []
        self._made: dict[str, _Service] = {}
        self._paths = {_DEVICE: place.path}

    async def run(self) -> Told:
        try:
            await self._clock()
            if self._account is not None and (other := self._elsewhere()):
                note = f"{other} has this address now: the account was not shown; run `netcam scan` to see where the device is"
                return Told(status=Status.ELSEWHERE, note=note)
            await self._everything()
        except _Refused as refused:
            status = Status.PARTLY if self._accepted else Status.REFUSED if self._way else Status(str(refused))
            return self._told(status, "" if not self._accepted else "the account may not ask everything: stopped at the first refusal")
        except (Unreachable, OutOfScope) as error:
            if self._facts.done() and (self._accepted or not self._way):
                return self._told(Status.ANSWERED if self._accepted else Status.OPEN, f"ended early: {error}")
            return self._told(Status.UNREACHABLE, str(error))
        except DecodeError as error:
            return self._told(Status.UNREACHABLE, f"no ONVIF answer: {error}")
        return self._told(Status.ANSWERED if self._accepted else Status.OPEN, "")

    def _told(self, status: Status, note: str) -> Told:
        facts = [*self._facts.done(), Fact("onvif.access", status.value)]
        return Told(status=status, facts=facts, channels=self._channels, note=decoding.line(note, 200))

    async def _clock(self) -> None:
        """The device's clock: a login is dated, and a device with a wrong clock takes only its own time."""
        try:
            answer = await self._bare(_DEVICE, "GetSystemDateAndTime")
        except (_Refused, DecodeError):
            return  # some ask for an account even here; it is not shown for the time alone
        with contextlib.suppress(AttributeError, TypeError, ValueError, OverflowError):
            day, at = answer.UTCDateTime.Date, answer.UTCDateTime.Time
            skew = datetime(day.Year, day.Month, day.Day, at.Hour, at.Minute, at.Second, tzinfo=UTC) - self._now
            if abs(skew) < MAX_SKEW:
                self._skew = skew
                if abs(skew) > timedelta(minutes=5):
                    self._facts.add("onvif.clock_skew", str(int(skew.total_seconds())))
        self._made.clear()  # made again with the clock

    async def _everything(self) -> None:
        self._information(await self._call(_DEVICE, "GetDeviceInformation"))
        self._services(await self._try(_DEVICE, "GetServices", {"IncludeCapability": False}))
        questions: list[tuple[str, Callable[[Any], Iterable[tuple[str, str]]]]] = [
            ("GetNetworkInterfaces", _interfaces), ("GetDNS", _dns), ("GetNTP", _ntp), ("GetNetworkDefaultGateway", _gateway),
            ("GetDiscoveryMode", lambda told: [("onvif.discovery_mode", _text(told))]),
            ("GetRemoteDiscoveryMode", lambda told: [("onvif.remote_discovery_mode", _text(told))]),
            ("GetDPAddresses", lambda told: [("onvif.remote_proxy", _host(one)) for one in _some(told)]),
            ("GetDynamicDNS", _dynamic_dns),
        ]  # fmt: skip
        for operation, read in questions:
            self._add(read, await self._try(_DEVICE, operation))
        await self._recorder()
        if self._accepted:
            # last: a device lets fewer accounts ask it, and the first refusal ends the talk. Never asked without an account
            users = await self._try(_DEVICE, "GetUsers")
            if users is not None:
                self._facts.add("onvif.users", str(len(_some(users))))

    async def _recorder(self) -> None:
        """Channels: recordings name their sources; without a recording service the video sources of the profiles are counted."""
        if _RECORDING in self._paths:
            for number, one in enumerate(_some(await self._try(_RECORDING, "GetRecordings"))[:MAX_CHANNELS], 1):
                source = getattr(getattr(one, "Configuration", None), "Source", None)
                self._channels.append(
                    Channel(
                        number=number, name=_text(getattr(source, "Name", "")), location=_text(getattr(source, "Location", "")),
                        address=_source_address(_text(getattr(source, "Address", ""))),
                    )
                )  # fmt: skip
        if _MEDIA in self._paths:
            sources = {_text(getattr(one, "token", "")) for one in _some(await self._try(_MEDIA, "GetVideoSources"))}
            profiles = _some(await self._try(_MEDIA, "GetProfiles"))
            for one in profiles:
                sources.add(_text(getattr(getattr(one, "VideoSourceConfiguration", None), "SourceToken", "")))
            sources.discard("")
            if sources:
                self._facts.add("onvif.video_sources", str(len(sources)))
            if not self._channels and len(sources) > 1:
                self._channels = [Channel(number=n, name=name) for n, name in enumerate(sorted(sources)[:MAX_CHANNELS], 1)]

    def _information(self, told: Any) -> None:
        for name, at in onvif.INFORMATION.items():
            self._facts.add(at, _text(getattr(told, name, "")))
        if not self._facts.done():
            raise DecodeError("GetDeviceInformation tells nothing")

    def _services(self, told: Any) -> None:
        for one in _some(told)[: onvif.MAX_SERVICES]:
            namespace, url = _text(getattr(one, "Namespace", "")), _text(getattr(one, "XAddr", ""))
            if namespace in _SERVICES:
                with contextlib.suppress(ValueError):
                    path = urlsplit(url).path
                    self._paths[namespace] = path if path.startswith("/") else self._place.path
            self._facts.add("onvif.namespace", namespace)
            if namespace == _UPLINK:
                self._facts.add("onvif.uplink", "offered")

    def _add(self, read: Callable[[Any], Iterable[tuple[str, str]]], told: Any) -> None:
        if told is None:
            return
        with contextlib.suppress(AttributeError, TypeError):
            for name, value in read(told):
                self._facts.add(name, decoding.line(value, 255))

    async def _try(self, namespace: str, operation: str, parameters: dict[str, Any] | None = None) -> Any:
        """The answer, or None where the device has no such operation or answers nonsense. Raises _Refused, Unreachable."""
        try:
            return await self._call(namespace, operation, parameters)
        except DecodeError:
            return None

    async def _call(self, namespace: str, operation: str, parameters: dict[str, Any] | None = None) -> Any:
        """Without the account as long as the device answers so; with it from the first challenge on."""
        if not self._way:
            try:
                return await self._bare(namespace, operation, parameters)
            except _Refused as refused:
                self._choose(refused)
        try:
            answer = await self._sent(namespace, operation, parameters, token=self._way == "token")
        except DecodeError:
            self._accepted = True  # a fault about the operation comes after the account was taken
            raise
        self._accepted = True
        return answer

    def _choose(self, refused: _Refused) -> None:
        """The way to show the account that the device asked for and the site allows. Raises _Refused with the status to report."""
        schemes: frozenset[str] = refused.args[0]
        if self._account is None:
            raise _Refused(Status.NO_ACCOUNT.value)
        if "digest" in schemes:
            self._way = "digest"
        elif "basic" in schemes:
            if not self._clear:
                # under TLS as well: nobody vouches for a camera's certificate
                raise _Refused(Status.IN_CLEAR.value)
            self._way = "basic"
        else:
            self._way = "token"
        self.transport.with_credentials = True
        if self._way != "token":
            self.transport.log_in(self._account, self._way)

    async def _bare(self, namespace: str, operation: str, parameters: dict[str, Any] | None = None) -> Any:
        return await self._sent(namespace, operation, parameters, token=False)

    async def _sent(self, namespace: str, operation: str, parameters: dict[str, Any] | None, *, token: bool) -> Any:
        service = await self._service(namespace)
        call: Callable[[Any], Awaitable[Any]] = getattr(service, operation if token else f"authless_{operation}")
        try:
            return await call(parameters or {})
        except Challenged as challenge:
            raise _Refused(challenge.schemes) from None
        except zeep.exceptions.Fault as fault:
            words = " ".join([str(fault.message), str(fault.code), *map(str, fault.subcodes or ())])[:1000].lower()
            if any(word in words for word in _REFUSED):
                raise _Refused(frozenset()) from None
            known = any(word in words.replace(" ", "") for word in _UNSUPPORTED)
            raise DecodeError(f"{operation} is {'not offered' if known else 'answered with a fault'}") from None
        except (
            zeep.exceptions.Error,
            ONVIFError,
            etree.LxmlError,
            AttributeError,
            TypeError,
            ValueError,
            LookupError,
            RecursionError,
        ) as error:
            # zeep raises whatever a schema that the answer breaks happens to run into
            if isinstance(error, DecodeError):
                raise
            raise DecodeError(f"{operation}: {type(error).__name__}") from None

    async def _service(self, namespace: str) -> _Service:
        if namespace not in self._made:
            scheme = "https" if self._place.tls else "http"
            url = f"{scheme}://device{self._paths.get(namespace, self._place.path)}"
            self._made[namespace] = made = _Service(self.transport, url, namespace, self._account, self._skew)
            await made.setup()
        return self._made[namespace]


def _some(told: Any) -> list[Any]:
    """A list of what zeep returns as one object, a list or nothing."""
    if told is None:
        return []
    return list(told) if isinstance(told, (list, tuple)) else [told]


def _text(value: Any) -> str:
    return "" if value is None else decoding.line(str(value), 255)


def _host(told: Any) -> str:
    """A NetworkHost (ONVIF schema): an address or a name."""
    return next((text for key in ("IPv4Address", "IPv6Address", "DNSname") if (text := _text(getattr(told, key, None)))), "")


def _address(told: Any) -> str:
    """An IPAddress (ONVIF schema)."""
    return _text(getattr(told, "IPv4Address", None)) or _text(getattr(told, "IPv6Address", None))


def _interfaces(told: Any) -> Iterator[tuple[str, str]]:
    for one in _some(told)[:16]:
        info = getattr(one, "Info", None)
        yield "onvif.interface.mac", _text(getattr(info, "HwAddress", "")).lower().replace("-", ":")
        for family in ("IPv4", "IPv6"):
            config = getattr(getattr(one, family, None), "Config", None)
            if config is None:
                continue
            for entry in (*_some(getattr(config, "Manual", None)), *_some(getattr(config, "FromDHCP", None))):
                if address := _text(getattr(entry, "Address", "")):
                    yield "onvif.interface.address", f"{address}/{_text(getattr(entry, 'PrefixLength', ''))}"
            yield f"onvif.interface.dhcp{'6' if family == 'IPv6' else ''}", _text(getattr(config, "DHCP", "")).lower()


def _dns(told: Any) -> Iterator[tuple[str, str]]:
    for one in (*_some(getattr(told, "DNSManual", None)), *_some(getattr(told, "DNSFromDHCP", None))):
        yield "onvif.dns", _address(one)


def _ntp(told: Any) -> Iterator[tuple[str, str]]:
    for one in (*_some(getattr(told, "NTPManual", None)), *_some(getattr(told, "NTPFromDHCP", None))):
        yield "onvif.ntp", _host(one)


def _gateway(told: Any) -> Iterator[tuple[str, str]]:
    for one in (*_some(getattr(told, "IPv4Address", None)), *_some(getattr(told, "IPv6Address", None))):
        yield "onvif.gateway", _text(one)


def _dynamic_dns(told: Any) -> Iterator[tuple[str, str]]:
    kind = _text(getattr(told, "Type", ""))
    yield "onvif.dynamic_dns", f"{kind} {_text(getattr(told, 'Name', None))}".strip()


def _source_address(text: str) -> str:
    """The IP address in a recording's source URI, or the text itself where it is one; empty for names and tokens."""
    host = text
    with contextlib.suppress(ValueError):
        host = urlsplit(text).hostname or text
    try:
        return str(ip_address(host))
    except ValueError:
        return ""
