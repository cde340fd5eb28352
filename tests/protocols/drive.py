"""Runs a conversation against prepared answers, as the driver would, and keeps what was sent."""

from __future__ import annotations

from netcam.model import Fact
from netcam.protocols.commands import Exchange, Receive, Reopen, Send, TLSInfo


def run(exchange: Exchange, answers: list[bytes], greeting: bytes = b"") -> tuple[list[Fact], bytes]:
    """Facts and sent bytes; each Send makes the next answer readable; after the last the peer has ended the stream."""
    waiting = list(answers)
    buffer, sent = greeting, b""
    result: bytes | TLSInfo | None = None
    for _ in range(1000):
        try:
            command = next(exchange) if result is None else exchange.send(result)
        except StopIteration as stop:
            return stop.value, sent
        if isinstance(command, Send):
            sent += command.data
            buffer += waiting.pop(0) if waiting else b""
            result = b""
        elif isinstance(command, Receive):
            take = min(len(buffer), command.limit)
            if command.until is not None and command.until in buffer:
                take = min(buffer.index(command.until) + len(command.until), command.limit)
            elif command.exactly is not None:
                take = min(command.exactly, len(buffer))
            result, buffer = buffer[:take], buffer[take:]
        elif isinstance(command, Reopen):
            # what the peer had not sent yet is lost with the connection
            buffer, result = b"", b""
        else:
            result = TLSInfo("TLSv1.2", "AES128-SHA")
    raise AssertionError("a conversation of a thousand commands does not end")


def values(facts: list[Fact]) -> dict[str, list[str]]:
    """Values by field, in order."""
    found: dict[str, list[str]] = {}
    for fact in facts:
        found.setdefault(fact.field, []).append(fact.value)
    return found
