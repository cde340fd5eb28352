"""Records as stored bytes and back, exactly; and the content hash that is an observation's identity."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from netcam.identify.sightings import Sighting
from netcam.inventory.verify import words
from netcam.model import Finding, Identity, Observation, ScanRecord

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LEVEL = 1
"""zlib level: a record of 3 kB shrinks to a fifth at level 1 already, in a third of the time of level 6."""

MAX_CLAIMS = 64 * 1024 * 1024
"""Bytes of the claims of one identity: a broken store must not unpack into all memory."""


class Listed(msgspec.Struct, gc=False):
    """The part of an identity that the device list shows: a third of the time of reading it whole."""

    device: str
    site: str = ""
    slots: dict[str, str] = {}
    confidence: dict[str, float] = {}
    addresses: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder()
_decoders: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Identity, Finding, ScanRecord, Listed, list[Sighting])
}

read_listed = _decoders[Listed].decode
"""The decoder of a line of the device list by itself, where thousands are read; raises ValueError where `decode` may still know how."""

# what a text column of SQLite or PostgreSQL cannot carry, and the escape itself
_UNSTORABLE = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPED = re.compile("\x1a([0-9a-f]+);")


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC. Raises ValueError for a time without a zone: that is a bug of the caller."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return (at - _EPOCH) // _MICROSECOND


def instant(stored: int) -> datetime:
    """The UTC time of stored microseconds."""
    return _EPOCH + timedelta(microseconds=stored)


def stored_text(text: str) -> str:
    """`text` as a text column can hold it: NUL and lone surrogates, which devices do send, become escapes."""
    return _UNSTORABLE.sub(lambda found: f"\x1a{ord(found[0]):x};", text) if _UNSTORABLE.search(text) else text


def read_text(stored: str) -> str:
    """The text that stored_text was given."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), stored) if "\x1a" in stored else stored


def observation_words(seen: Observation) -> tuple[str, ...]:
    """The fields of an observation as text, in the order of the observation file; the time in microseconds."""
    at = "" if seen.at is None else str(micros(seen.at))
    return seen.device, seen.endpoint, seen.mac, at, seen.site, seen.sensor, seen.via, seen.field, seen.value, seen.scan, seen.raw


def observation_digest(seen: Observation) -> bytes:
    """SHA-256 of an observation's words."""
    return hashlib.sha256(words(observation_words(seen))).digest()


def encode(record: Identity | Finding | ScanRecord) -> bytes:
    """A record as JSON bytes; lone surrogates as JSON escapes."""
    try:
        return _encoder.encode(record)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(record), ensure_ascii=True, separators=(",", ":")).encode("ascii")


def decode(stored: bytes, kind: type[T]) -> T:
    """The record that encode was given. Raises ValueError where the bytes are none."""
    try:
        return _decoders[kind].decode(stored)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(stored), kind)


def encode_sightings(some: list[Sighting]) -> bytes:
    """Sightings as JSON bytes."""
    try:
        return _encoder.encode(some)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(some), ensure_ascii=True, separators=(",", ":")).encode("ascii")


def read_sightings(stored: bytes) -> list[Sighting]:
    """The sightings that encode_sightings was given. Raises ValueError where the bytes are none."""
    return decode(stored, list[Sighting])


def deflate(data: bytes) -> bytes:
    """`data` compressed."""
    return zlib.compress(data, _LEVEL)


def inflate(stored: bytes, limit: int) -> bytes:
    """The data that deflate was given. Raises ValueError where it is broken or longer than `limit` bytes."""
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(stored, limit + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(data) > limit or not reader.eof:
        raise ValueError(f"broken, or longer than {limit} bytes")
    return data


def claims_apart(identity: Identity) -> tuple[bytes, bytes]:
    """An identity as two parts: all but the claims, and the claims."""
    brief = encode(dataclasses.replace(identity, because=(), disputed=()))
    claims = encode(Identity(device="", because=identity.because, disputed=identity.disputed))
    return brief, claims


def joined(brief: bytes, claims: bytes) -> Identity:
    """The identity of its two parts, the claims compressed. Raises ValueError where the bytes are broken."""
    told = decode(inflate(claims, MAX_CLAIMS), Identity)
    return dataclasses.replace(decode(brief, Identity), because=told.because, disputed=told.disputed)


def conclusion(identity: Identity) -> bytes:
    """SHA-256 of what an identity concludes: the same while only the evidence was seen again."""
    told = [(claim.slot, claim.value, claim.by) for claims in (identity.because, identity.disputed) for claim in claims]
    parts = (
        sorted(identity.slots.items()), sorted(identity.confidence.items()), sorted(identity.addresses), sorted(identity.macs),
        identity.mac_registrant, sorted(identity.unknown_fields), sorted(set(told)),
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode("ascii")).digest()
