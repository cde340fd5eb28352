"""Catalog packs: the content folder as one signed file, installed without a network and rolled back by version.

A pack is one line of JSON (what it is, who signed it) and the compressed files. The Ed25519 signature covers the version, the day
and the digest of the files, so that neither a file nor the version can be changed. Only keys that the operator trusts count.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from netcam.catalog.home import SHIPPED, installed_root, packs_root
from netcam.errors import ConfigError, ContentError, shown

FORMAT = "netcam-catalog-1"
MAX_PACK = 64 * 1024 * 1024
"""Bytes of a pack; ours has under 1 MB."""
MAX_UNPACKED = 256 * 1024 * 1024
"""Bytes of its files: a small pack must not unpack into all memory."""
MAX_FILES = 5_000
"""Files of a pack; ours has under 600."""
MAX_HEADER = 4_096
"""Bytes of the first line."""
MAX_KEY_FILE = 16 * 1024
"""Bytes of a key file: an Ed25519 key takes 119."""
_VERSION = re.compile(r"\d{1,8}(?:\.\d{1,8}){0,3}")
_PATH = re.compile(r"(?:[a-z0-9][a-z0-9_-]{0,63}/){0,2}[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.(?:yaml|jsonl|md)")
_TAKEN = ("makers", "policies", "families", "advisories", "destinations", "negative")


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a pack."""

    format: str
    version: str
    made: str
    sha256: str
    key: str
    """Public key of the signer, hex."""
    signature: str

    @property
    def message(self) -> bytes:
        """What is signed."""
        return "\0".join((self.format, self.version, self.made, self.sha256)).encode()


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was read and whose signature fits."""

    header: Header
    files: dict[str, bytes]


def order(version: str) -> tuple[int, ...]:
    """A version for comparison. Raises ContentError where it is none."""
    if not _VERSION.fullmatch(version):
        raise ContentError("pack", f"version {shown(version)} is not numbers in dots", "such as 2026.11.25")
    return tuple(int(n) for n in version.split("."))


def key(path: Path) -> Ed25519PrivateKey:
    """The private key of a PEM file. Raises ConfigError."""
    try:
        if path.stat().st_size > MAX_KEY_FILE:
            raise ConfigError(str(path), "is no key file", "openssl genpkey -algorithm ed25519")
        read = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be read", "openssl genpkey -algorithm ed25519 -out FILE") from None
    except (ValueError, TypeError):
        raise ConfigError(str(path), "is no private key without a password", "openssl genpkey -algorithm ed25519 -out FILE") from None
    if not isinstance(read, Ed25519PrivateKey):
        raise ConfigError(str(path), "is no Ed25519 key", "openssl genpkey -algorithm ed25519 -out FILE")
    return read


def public(private: Ed25519PrivateKey) -> str:
    """The public key, hex."""
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def pack(root: Path, version: str, made: str, signer: Ed25519PrivateKey) -> bytes:
    """The content folder as a pack; `made` is a day, such as 2026-11-25. Raises ContentError."""
    order(version)
    paths = [p for folder in _TAKEN for p in sorted((root / folder).rglob("*"))] + sorted(root.glob("*.yaml"))
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in paths if p.is_file()}
    files = {name: body for name, body in files.items() if _PATH.fullmatch(name)}
    if not any(name.startswith("makers/") for name in files):
        raise ContentError(str(root), "holds no makers/", "give the content folder")
    body = zlib.compress(msgspec.msgpack.encode(files), 9)
    bare = Header(FORMAT, version, made, hashlib.sha256(body).hexdigest(), public(signer), "")
    header = msgspec.structs.replace(bare, signature=signer.sign(bare.message).hex())
    return msgspec.json.encode(header) + b"\n" + body


def read(path: Path, trusted: frozenset[str]) -> Pack:
    """A pack whose signer is trusted and whose signature fits. Raises ContentError, before anything is unpacked."""
    where = str(path)
    try:
        if path.stat().st_size > MAX_PACK:
            raise ContentError(where, f"larger than {MAX_PACK} bytes", "this is no catalog pack")
        whole = path.read_bytes()
    except OSError as error:
        raise ContentError(where, error.strerror or "cannot be read", "give the file of a catalog pack") from None
    line, _, body = whole.partition(b"\n")
    try:
        header = msgspec.json.decode(line[:MAX_HEADER], type=Header)
        signature, signer = bytes.fromhex(header.signature), bytes.fromhex(header.key)
    except (msgspec.DecodeError, ValueError):
        raise ContentError(where, "is no catalog pack", "its first line names format, version and signature") from None
    if header.format != FORMAT:
        raise ContentError(where, f"format {shown(header.format)} is not known", "upgrade netcam")
    order(header.version)
    if header.key not in trusted:
        raise ContentError(
            where, f"is signed by {header.key}, which is not trusted", "check the key with its publisher, then give --signer KEY"
        )
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, header.message)
    except (InvalidSignature, ValueError):
        raise ContentError(where, "the signature does not fit", "get the pack again; do not install this one") from None
    if hashlib.sha256(body).hexdigest() != header.sha256:
        raise ContentError(where, "its files were changed after signing", "get the pack again; do not install this one")
    return Pack(header, _unpacked(body, where))


def _unpacked(body: bytes, where: str) -> dict[str, bytes]:
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(body, MAX_UNPACKED)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ContentError(where, f"unpacks into more than {MAX_UNPACKED} bytes, or is cut", "ask its publisher")
        files = msgspec.msgpack.decode(plain, type=dict[str, bytes])
    except (zlib.error, msgspec.DecodeError):
        raise ContentError(where, "its files cannot be read", "ask its publisher") from None
    if len(files) > MAX_FILES:
        raise ContentError(where, f"holds more than {MAX_FILES} files", "ask its publisher")
    for name in files:
        if not _PATH.fullmatch(name) or ".." in name:
            raise ContentError(where, f"holds a file {shown(name)}, which is no content file", "ask its publisher")
    return files


def trusted(more: str = "") -> frozenset[str]:
    """Keys that the operator trusted before, and `more`."""
    path = packs_root() / "signers"
    known = path.read_text("ascii", "replace").split() if path.is_file() else []
    return frozenset(k for k in (*known, more.strip().lower()) if re.fullmatch(r"[0-9a-f]{64}", k))


def put(one: Pack) -> Path:
    """Lay a pack's files beside the others, not yet in use, and trust its signer from now on. Raises ContentError."""
    root = packs_root()
    folder = root / one.header.version
    if folder.exists():
        raise ContentError(one.header.version, "is installed already", "netcam catalog rollback goes back to an installed version")
    part = root / f".{one.header.version}.{os.getpid()}.part"
    try:
        for name, body in one.files.items():
            target = part / name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.write_bytes(body)
        (part / "pack.json").write_bytes(msgspec.json.encode(one.header))
        part.rename(folder)
        keys = sorted(trusted(one.header.key))
        (root / "signers").write_text("".join(f"{k}\n" for k in keys), "ascii")
    except OSError as error:
        raise ContentError(str(root), error.strerror or "cannot be written", "set NETCAM_HOME to a folder that can be written") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def remove(version: str) -> None:
    """Take an installed pack away that is not in use."""
    order(version)
    shutil.rmtree(packs_root() / version, ignore_errors=True)


def use(version: str) -> None:
    """Judge by an installed version from now on; `shipped` is the content that came with netcam. Raises ContentError."""
    if version != SHIPPED and version not in installed():
        raise ContentError(version, "is not installed", f"installed are: {', '.join((SHIPPED, *installed()))}")
    root = packs_root()
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = root / f"current.{os.getpid()}.part"
        part.write_text(version, "ascii")
        part.replace(root / "current")
    except OSError as error:
        raise ContentError(str(root), error.strerror or "cannot be written", "set NETCAM_HOME to a folder that can be written") from None


def installed() -> list[str]:
    """Versions that are installed, oldest first."""
    root = packs_root()
    found = [p.name for p in root.iterdir() if p.is_dir() and _VERSION.fullmatch(p.name)] if root.is_dir() else []
    return sorted(found, key=order)


def current() -> str:
    """The version in use, or `shipped`."""
    root = installed_root()
    return root.name if root is not None else SHIPPED
