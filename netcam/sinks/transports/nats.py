"""NATS: events to SUBJECT.SITE.KIND; with JetStream each is acknowledged, and a repeat is dropped by its Nats-Msg-Id."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from netcam.config.sinks import NatsSink
from netcam.errors import ConfigError, SinkError, shown
from netcam.sinks.transport import Item, Opening, Outcome, Transport
from netcam.sinks.transports import _tls

T = TypeVar("T")
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


class NatsReceiver:
    """One connection, run on an event loop of its own between batches."""

    def __init__(self, settings: NatsSink, opening: Opening) -> None:
        try:
            import nats
        except ImportError:
            raise ConfigError(f"sinks.{opening.name}", "nats-py is not installed", "pip install 'netcam[sinks]'") from None
        self._nats, self._settings = nats, settings
        seconds = settings.timeout_seconds
        self._options: dict[str, Any] = {
            "servers": list(settings.servers), "name": "netcam", "connect_timeout": seconds, "allow_reconnect": False,
            "error_cb": _ignored, "max_reconnect_attempts": 0,
        }  # fmt: skip
        if settings.token:
            self._options["token"] = opening.secret(settings.token, "token")
        if settings.credentials:
            self._options["user_credentials"] = str(opening.path(settings.credentials.removeprefix("file:")))
        if settings.ca or settings.certificate or any(server.startswith("tls:") for server in settings.servers):
            secure: ssl.SSLContext = _tls.context(settings, opening)
            self._options["tls"] = secure
        self._loop = asyncio.new_event_loop()
        self._client: Any = None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(self._settings.timeout_seconds + 5):
                return await work

        try:
            return self._loop.run_until_complete(bounded())
        except (TimeoutError, OSError, self._nats.errors.Error) as error:
            self._loop.run_until_complete(self._drop())
            where = ", ".join(self._settings.servers)
            raise SinkError(
                where, f"{type(error).__name__}: {shown(str(error))}", "is the server running, and is there a stream for the subject?"
            ) from None

    async def _drop(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            try:
                async with asyncio.timeout(2):
                    await client.close()
            except (TimeoutError, OSError, self._nats.errors.Error):
                pass

    def subject(self, item: Item) -> str:
        """Where an event goes."""
        return f"{self._settings.subject}.{_NOT_TOKEN.sub('_', item.site) or '_'}.{item.kind}"

    def send(self, items: Sequence[Item]) -> Outcome:
        """Publish the batch; with JetStream return when each is stored."""
        return self._run(self._send(items))

    async def _send(self, items: Sequence[Item]) -> Outcome:
        if self._client is None or not self._client.is_connected:
            await self._drop()
            self._client = await self._nats.connect(**self._options)
        if not self._settings.jetstream:
            for item in items:
                await self._client.publish(self.subject(item), item.body, headers={"Nats-Msg-Id": item.id})
            await self._client.flush(timeout=self._settings.timeout_seconds)  # a PONG: the server has read all of it
            return Outcome()
        stream = self._client.jetstream(timeout=self._settings.timeout_seconds)
        # published in order and awaited together: the server stores what one connection sends in its order
        waiting = [
            await stream.publish_async(
                self.subject(item), item.body, headers={"Nats-Msg-Id": item.id}, wait_stall=self._settings.timeout_seconds
            )
            for item in items
        ]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        held: dict[int, str] = {}
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, BaseException):
                held[item.seq] = f"{type(answer).__name__}: {shown(str(answer))}"
        if len(held) == len(items):
            raise self._nats.errors.Error(next(iter(held.values())))
        return Outcome(retry=held)

    def close(self) -> None:
        """Close connection and loop."""
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._drop())
            self._loop.close()


async def _ignored(_: Exception) -> None:
    """Errors come back from the calls; nats-py would print them as well."""


TRANSPORT = Transport(types=("nats",), format="jsonl", open=NatsReceiver, batch=200, partial=True)
