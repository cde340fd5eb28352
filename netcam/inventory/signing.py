"""The estate's Ed25519 key, roots of the chain signed with it, and time stamps (RFC 3161) that an outside authority sets on them."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from netcam.errors import ConfigError, StoreError
from netcam.inventory.chain import Damage, Entry
from netcam.inventory.port import Inventory
from netcam.inventory.verify import root_message
from netcam.model import rfc3339

MAX_KEY_FILE = 16 * 1024
"""Bytes of a key file: an Ed25519 key takes 119."""
MAX_STAMP = 64 * 1024
"""Bytes of a time stamp: with its certificates some 6 kB."""


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """A signed root: the hash of entry `number` when it was the last one."""

    number: int
    hash: str
    at: str
    key: str
    signature: str
    stamp: str = ""
    """RFC 3161 response over the signature, base64; empty where none was asked for."""


@dataclass(frozen=True)
class Key:
    """The estate's key and where it lies."""

    private: Ed25519PrivateKey
    path: Path | None = None

    @property
    def public(self) -> str:
        """The public key, hex."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, message: bytes) -> str:
        """A signature, hex."""
        return self.private.sign(message).hex()


KEY_NAME = "evidence.key"
"""The file of the key, beside the inventory."""


def own_key(inventory: Inventory) -> Key:
    """The estate's key, made where there is none. Raises ConfigError where the inventory keeps no files."""
    if inventory.home is None:
        raise ConfigError("evidence key", "an inventory in memory has none", "give --store")
    return load(inventory.home / KEY_NAME)


def load(path: Path, *, make: bool = True) -> Key:
    """The key in a file for its owner alone; made where there is none and `make`. Raises ConfigError."""
    try:
        if not path.exists() and make:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            partial = path.with_name(f"{path.name}.{os.getpid()}.part")
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(partial, path)  # of two that make a key at once, one wins and both use it
            except FileExistsError:
                pass
            finally:
                partial.unlink()
        with path.open("rb") as file:
            data = file.read(MAX_KEY_FILE)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be read", "check the path and its permissions") from None
    try:
        private = load_pem_private_key(data, None)
    except (ValueError, TypeError):
        raise ConfigError(str(path), "is no private key in PEM", "restore it from its backup; a new key cannot sign for the old") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(str(path), "is not an Ed25519 key", "move it away, and netcam makes one")
    return Key(private, path)


def sign_root(
    inventory: Inventory, key: Key, now: datetime, *, stamp: Callable[[bytes], bytes] | None = None, entry: Entry | None = None
) -> Root | None:  # fmt: skip
    """Sign the chain as it stands. None where nothing was added since the last signature, or nothing is there.

    `stamp` makes an RFC 3161 response of the signature's bytes.
    """
    known = roots(inventory)
    last = known[-1].number if known else 0
    added = inventory.entries(after=last)
    if not added:
        return None
    top = added[-1]
    at = rfc3339(now, "seconds")
    signature = key.sign(root_message(top.number, top.hash, at))
    stamped = base64.b64encode(stamp(bytes.fromhex(signature))).decode() if stamp is not None else ""
    root = Root(number=top.number, hash=top.hash, at=at, key=key.public, signature=signature, stamp=stamped)
    inventory.save_signed(root.number, msgspec.json.encode(root))
    return root


def roots(inventory: Inventory) -> list[Root]:
    """The signed roots, oldest first. Raises StoreError where one does not parse."""
    try:
        return [msgspec.json.decode(body, type=Root) for body in inventory.signed()]
    except msgspec.DecodeError as error:
        raise StoreError("signed roots", f"one is damaged: {error}", "restore the last backup") from None


def holds(root: Root) -> bool:
    """Whether a root carries its signature."""
    try:
        message = root_message(root.number, root.hash, root.at)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(root.key)).verify(bytes.fromhex(root.signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def check(inventory: Inventory, keys: frozenset[str] | None = None) -> Iterator[Damage]:
    """Hold the chain against the signed roots: an entry that was rewritten or cut off after it was signed is found here.

    With `keys`, a root by another key is told too.
    """
    entries = {entry.number: entry for entry in inventory.entries()}
    for root in roots(inventory):
        entry = entries.get(root.number)
        if not holds(root):
            yield Damage(entry=root.number, kind="signed", record=None, problem=f"the root of {root.at} does not carry its signature")
        elif keys is not None and root.key not in keys:
            yield Damage(
                entry=root.number, kind="signed", record=None, problem=f"the root of {root.at} is by a foreign key {root.key[:16]}"
            )
        elif entry is None:
            yield Damage(entry=root.number, kind="signed", record=None, problem=f"was signed on {root.at} and is gone: the chain was cut")
        elif entry.hash != root.hash:
            yield Damage(entry=root.number, kind="signed", record=None, problem=f"is not the entry that was signed on {root.at}")


def authority(url: str, *, timeout: float = 30.0) -> Callable[[bytes], bytes]:
    """A stamp by the time-stamping authority at an http(s) address (RFC 3161 section 3.4). Calling it raises ConfigError."""
    import urllib.error
    import urllib.request

    if not url.startswith(("http://", "https://")):
        raise ConfigError("--timestamp", "is not an http address", "write https://... of the time-stamping authority")
    try:
        from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response
        from rfc3161_client.tsp import PKIStatus
    except ImportError:
        raise ConfigError("--timestamp", "needs rfc3161-client", "pip install 'netcam[timestamp]'") from None

    def stamp(signature: bytes) -> bytes:
        asked = TimestampRequestBuilder().data(signature).build()
        told = urllib.request.Request(  # noqa: S310 - the scheme was checked
            url, data=asked.as_bytes(), headers={"Content-Type": "application/timestamp-query"}
        )  # fmt: skip
        try:
            with urllib.request.urlopen(told, timeout=timeout) as answer:  # noqa: S310
                body: bytes = answer.read(MAX_STAMP + 1)
        except (OSError, urllib.error.URLError) as error:
            raise ConfigError(url, f"did not answer: {error}", "try again later, or sign without --timestamp") from None
        try:
            if len(body) > MAX_STAMP or decode_timestamp_response(body).status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
                raise ValueError("no time stamp was granted")
        except ValueError as error:
            raise ConfigError(url, f"gave no time stamp: {error}", "ask the authority") from None
        return body

    return stamp


def stamped_at(root: Root, authority_certificate: bytes) -> datetime:
    """When the authority saw the root, checked against its certificate (PEM). Raises ValueError with what does not hold."""
    from cryptography import x509
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    certificates = x509.load_pem_x509_certificates(authority_certificate)
    response = decode_timestamp_response(base64.b64decode(root.stamp, validate=True))
    builder = VerifierBuilder()
    for certificate in certificates:
        builder = builder.add_root_certificate(certificate)
    try:
        builder.build().verify_message(response, bytes.fromhex(root.signature))
    except VerificationError as error:
        raise ValueError(str(error)) from None
    told: datetime = response.tst_info.gen_time
    return told
