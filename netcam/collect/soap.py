"""Carries SOAP messages of the ONVIF library over the gate: one bounded HTTP exchange each, with the owner's account where it is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from requests import Response
from requests.structures import CaseInsensitiveDict
from zeep.transports import Transport
from zeep.wsdl.utils import etree_to_string

from netcam.collect import driver
from netcam.collect.credentials import Account
from netcam.collect.driver import TLSContext
from netcam.collect.gate import Gate
from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import message, never
from netcam.protocols.commands import Exchange, Send

MAX_ANSWER = 1 << 20
"""Bytes of one answer; GetProfiles of a recorder with 64 channels is 300 kB."""
MAX_CALLS = 60
"""Messages to one device in one run: a recorder with all services is asked about 20."""
LIMITS = driver.Limits(connect=3.0, read=8.0, total=15.0)
"""An old camera takes seconds for its first SOAP answer."""
_DTD = re.compile(rb"<\s*!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_PATH = re.compile(r"/[!-~]{0,511}")
_HEADER = re.compile(r"[ -~]{0,2048}")


class Unreachable(Exception):
    """The device did not answer, or not in HTTP."""


class Challenged(Exception):
    """The device wants credentials (401); `schemes` are those it takes, in lower case."""

    def __init__(self, schemes: frozenset[str]) -> None:
        self.schemes = schemes
        super().__init__("the device wants credentials")


class GateTransport(Transport):  # type: ignore[misc]
    """zeep's transport for one device: whatever address a message names, it goes to this device, through the gate."""

    def __init__(self, gate: Gate, address: str, port: int, *, tls: bool, context: TLSContext) -> None:
        super().__init__()
        self._gate, self._address, self._port, self._tls, self._context = gate, address, port, tls, context
        self._auth: httpx.Auth | None = None
        self.calls = 0
        self.with_credentials = False
        """Whether the next messages carry the owner's credentials: only then the gate lets such a message out."""

    def log_in(self, account: Account, scheme: str) -> None:
        """Answer challenges of `scheme` (digest, basic) from now on."""
        make = httpx.DigestAuth if scheme == "digest" else httpx.BasicAuth
        self._auth = make(account.user, account.password.reveal())
        self.with_credentials = True

    def load(self, url: str) -> bytes:
        """Nothing is ever loaded from where a message points to."""
        raise Unreachable(f"{url[:100]!r} is not loaded")

    async def aclose(self) -> None:
        """Nothing stays open."""

    async def post_xml(self, address: str, envelope: Any, headers: Mapping[str, str]) -> Response:
        """One message and its answer. Raises Unreachable, Challenged, and DecodeError for an answer that is not read."""
        body = etree_to_string(envelope)
        path = urlsplit(address).path or "/"
        if not _PATH.fullmatch(path) or never.refuses(path):
            raise DecodeError(f"the device names a path that is not asked: {path[:100]!r}")
        host = f"[{self._address.partition('%')[0]}]" if ":" in self._address else self._address
        request = httpx.Request("POST", f"{'https' if self._tls else 'http'}://{host}:{self._port}{path}", content=body)
        soap = {str(key): str(value) for key, value in headers.items() if _HEADER.fullmatch(str(value))}
        answer = await self._exchange(request, soap, body)
        # an answer's own words decide nothing but what XML they hold: no redirect, no cookie, no multipart
        made = Response()
        made.status_code, made._content = answer.status, answer.body
        made.headers = CaseInsensitiveDict({"Content-Type": "application/soap+xml"})
        return made

    async def _exchange(self, request: httpx.Request, soap: Mapping[str, str], body: bytes) -> message.Message:
        if self._auth is None:
            answer = await self._once(request, soap, body)
        else:
            flow = self._auth.sync_auth_flow(request)
            answer = await self._once(next(flow), soap, body)
            if answer.status == 401 and "authorization" not in request.headers:
                # a question without credentials is answered with the challenge that the next one needs; no login was tried
                raw = [(k.encode("ascii", "replace"), v.encode("latin-1", "replace")) for k, v in answer.headers]
                try:
                    again = flow.send(httpx.Response(401, headers=raw, request=request))
                except (StopIteration, httpx.HTTPError, ValueError, KeyError) as error:
                    raise Challenged(_schemes(answer)) from error
                answer = await self._once(again, soap, body)
        if answer.status in (401, 403):
            raise Challenged(_schemes(answer))
        return answer

    async def _once(self, request: httpx.Request, soap: Mapping[str, str], body: bytes) -> message.Message:
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise Unreachable(f"more than {MAX_CALLS} messages")
        head = [
            f"POST {request.url.raw_path.decode('ascii')} HTTP/1.1",
            f"Host: {request.headers['host']}",
            "User-Agent: Mozilla/5.0 (compatible; netcam)",
        ]
        head += [f"{key}: {value}" for key, value in soap.items() if key.lower() in ("content-type", "soapaction")]
        if "authorization" in request.headers:
            head.append(f"Authorization: {request.headers['authorization']}")
        head += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        data = "\r\n".join(head).encode("ascii", "replace") + body
        held: list[bytes] = []

        def exchange() -> Exchange:
            yield Send(data)
            held.append((yield from message.receive(MAX_ANSWER)))
            return [Fact("onvif.raw", "")]

        outcome = await driver.converse(
            self._gate, self._address, self._port, exchange(), protocol="onvif-owner", tls=self._tls, limits=LIMITS,
            context=self._context, owner=self.with_credentials, budget=message.MAX_HEAD + MAX_ANSWER,
        )  # fmt: skip
        if not held or not held[0]:
            raise Unreachable(outcome.reason or outcome.status.value)
        answer = message.parse(held[0])
        # a refusal carries a web page, which is not read
        if answer.status not in (401, 403) and _DTD.search(answer.body):
            raise DecodeError("the answer declares a document type")
        return answer


def _schemes(answer: message.Message) -> frozenset[str]:
    """Schemes of all challenges (RFC 9110 section 11.6.1)."""
    return frozenset(
        word.lower() for value in answer.all("www-authenticate") for word in re.findall(r"(?:^|,)\s*([A-Za-z]+)\s", value + " ")
    )
