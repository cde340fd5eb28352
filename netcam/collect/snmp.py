"""Reads objects of an SNMP agent (v2c, v3) with the operator's read access; the library's sockets are the gate's. Nothing is ever set."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch import asyncio as hlapi
from pysnmp.smi.rfc1902 import ObjectIdentity, ObjectType

from netcam.collect.credentials import SnmpAccount
from netcam.collect.gate import Datagrams, Gate, OutOfScope

PORT = 161
MAX_ROWS = 50_000
"""Rows of one table: the largest access switches learn 32,000 addresses."""
REPETITIONS = 20
"""Rows asked for in one datagram: an answer stays under the 1,472 bytes that pass unfragmented."""
TIMEOUT, RETRIES = 2.0, 2
"""Seconds for one answer, and how often a question is repeated: a busy switch answers SNMP last."""
Oid = tuple[int, ...]

_AUTH = {
    "MD5": hlapi.usmHMACMD5AuthProtocol, "SHA": hlapi.usmHMACSHAAuthProtocol, "SHA224": hlapi.usmHMAC128SHA224AuthProtocol,
    "SHA256": hlapi.usmHMAC192SHA256AuthProtocol, "SHA384": hlapi.usmHMAC256SHA384AuthProtocol, "SHA512": hlapi.usmHMAC384SHA512AuthProtocol,
}  # fmt: skip
_PRIVACY = {
    "DES": hlapi.usmDESPrivProtocol, "AES128": hlapi.usmAesCfb128Protocol, "AES192": hlapi.usmAesCfb192Protocol, "AES256": hlapi.usmAesCfb256Protocol,
}  # fmt: skip


class Unanswered(Exception):
    """The agent did not answer, or refused the access; the text says which."""


class _Through:
    """What the library hands to its transport goes to the gate, in order."""

    def __init__(self, gate: Gate, host: str) -> None:
        self._gate, self._host = gate, host
        self._queue: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()
        self._socket: Datagrams | None = None
        self.refused = ""
        self.heard: Callable[[bytes, tuple[Any, ...]], None] = lambda data, peer: None

    async def run(self, ready: asyncio.Event) -> None:
        """Send what is queued until cancelled."""
        self._socket = await self._gate.datagrams(None, lambda data, peer: self.heard(data, peer))
        ready.set()
        try:
            while True:
                data, port = await self._queue.get()
                try:
                    await self._gate.ask(self._socket, data, self._host, port, "snmp")
                except (OutOfScope, OSError) as error:
                    self.refused = str(error)
        finally:
            self._socket.close()

    def send(self, data: bytes, port: int) -> None:
        """Queue one datagram."""
        self._queue.put_nowait((data, port))


def _transport(through: _Through) -> type[Any]:
    """The library's UDP transport, with its socket taken away."""

    class Transport(udp.UdpAsyncioTransport):  # type: ignore[misc]
        def open_client_mode(self, iface: Any = None, allow_broadcast: bool = False) -> Any:
            through.heard = self._heard
            return self

        def _heard(self, data: bytes, peer: tuple[Any, ...]) -> None:
            if self._callback_function is not None and peer[0] == through._host:
                self.loop.call_soon(self._callback_function, self, self.ADDRESS_TYPE(peer[:2]), data)

        def send_message(self, outgoingMessage: Any, transportAddress: Any) -> None:
            through.send(bytes(outgoingMessage), int(transportAddress[1]))

    return Transport


class Agent:
    """One SNMP agent, while `opened` lasts."""

    def __init__(self, engine: Any, auth: Any, target: Any, account: SnmpAccount, through: _Through) -> None:
        self._engine, self._auth, self._target, self._account, self._through = engine, auth, target, account, through

    async def walk(self, base: str, *, vlan: int | None = None) -> dict[Oid, Any]:
        """Rows under `base` by the rest of their OID; `vlan`: as the agent shows that VLAN (community index or context).

        Raises Unanswered. An agent whose answers do not go forward ends the walk (RFC 3416 section 4.2.3 demands order).
        """
        root = tuple(map(int, base.split(".")))
        auth, context = self._auth, b""
        if vlan is not None and self._account.user:
            context = f"vlan-{vlan}".encode()
        elif vlan is not None:
            auth = hlapi.CommunityData(f"{self._account.community.reveal()}@{vlan}", mpModel=1)  # noqa: S508 - what the operator gave
        rows: dict[Oid, Any] = {}
        at = root
        while len(rows) < MAX_ROWS:
            try:
                failed, status, _, bound = await hlapi.bulk_cmd(
                    self._engine, auth, self._target, hlapi.ContextData(contextName=context), 0, REPETITIONS,
                    ObjectType(ObjectIdentity(at)), lookupMib=False,
                )  # fmt: skip
            except PySnmpError as error:
                raise Unanswered(type(error).__name__) from None
            if failed:
                raise Unanswered(self._through.refused or str(failed))
            if status or not bound:
                break
            for name, value in bound:
                oid = tuple(name)
                if (
                    oid[: len(root)] != root
                    or oid <= at
                    or value.__class__.__name__ in ("EndOfMibView", "NoSuchObject", "NoSuchInstance", "Null")
                ):
                    return rows
                rows[oid[len(root) :]] = value
                at = oid
        return rows

    async def text(self, base: str) -> str:
        """The first value under `base` as text, empty where there is none. Raises Unanswered."""
        for value in (await self.walk(base)).values():
            return bytes(value).decode("utf-8", "replace") if hasattr(value, "asOctets") else str(value)
        return ""


@contextlib.asynccontextmanager
async def opened(gate: Gate, host: str, account: SnmpAccount, *, port: int = PORT) -> AsyncIterator[Agent]:
    """An agent to ask. Raises OSError where no socket can be had."""
    through, ready, engine = _Through(gate, host), asyncio.Event(), hlapi.SnmpEngine()
    target = await hlapi.UdpTransportTarget.create((host, port), timeout=TIMEOUT, retries=RETRIES)
    target.PROTO_TRANSPORT = _transport(through)
    auth = (
        hlapi.UsmUserData(
            account.user, account.password.reveal() or None, account.privacy_password.reveal() or None,
            authProtocol=_AUTH[account.authentication] if account.password else hlapi.usmNoAuthProtocol,
            privProtocol=_PRIVACY[account.privacy] if account.privacy_password else hlapi.usmNoPrivProtocol,
        )
        if account.user
        else hlapi.CommunityData(account.community.reveal(), mpModel=1)  # noqa: S508 - what the operator gave
    )  # fmt: skip
    async with asyncio.TaskGroup() as group:
        sender = group.create_task(through.run(ready))
        await ready.wait()
        try:
            yield Agent(engine, auth, target, account, through)
        finally:
            sender.cancel()
            engine.close_dispatcher()
