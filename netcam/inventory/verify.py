"""Checks an evidence bundle with nothing but Python: `python3 -I verify.py BUNDLE [--key HEX]`. Needs no netcam and no network.

A bundle is a ZIP file whose every byte is fixed by its contents (stored, no times, no extras), so that a changed byte
anywhere is found. Its manifest, signed with Ed25519, holds the SHA-256 of every file; records.jsonl ties each record to the
hash chain of the inventory (RFC 6962 trees), chain.jsonl leads to a root that was signed when it was written.
"""

from __future__ import annotations

import argparse
import binascii
import hashlib
import json
import re
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "netcam-evidence/1"
ROOT = "netcam-root/1"
MAX_BUNDLE = 1 << 30
"""Bytes of a bundle: it is read into memory."""
MAX_FILES = 50_000
MAX_NESTING = 64
"""Steps of a proof: a tree of 2^64 leaves."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,3}")
_HEX = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")

# the container: ZIP (APPNOTE 6.3.3), version 2.0, method 0, times of 1980-01-01 00:00
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")


@dataclass(frozen=True)
class Problem:
    """What is wrong, in which file, and the byte ranges of the bundle in which it lies."""

    where: str
    problem: str
    ranges: tuple[tuple[int, int], ...] = ()


class Broken(Exception):
    """The container cannot be read further."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{p.where}: {p.problem}" for p in problems))
        self.problems = problems


def _local(name: bytes, data_size: int, crc: int) -> bytes:
    return _LOCAL.pack(b"PK\x03\x04", 20, 0, 0, 0, 33, crc, data_size, data_size, len(name), 0) + name


def _central(name: bytes, data_size: int, crc: int, offset: int) -> bytes:
    head = (b"PK\x01\x02", 0x0314, 20, 0, 0, 0, 33, crc, data_size, data_size, len(name), 0, 0, 0, 0, 0o100644 << 16, offset)
    return _CENTRAL.pack(*head) + name


def pack(files: Mapping[str, bytes]) -> bytes:
    """The one container of these files. Raises ValueError for a name or size that it cannot hold."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, data in sorted(files.items()):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for a file of a bundle")
        head = _local(name.encode("ascii"), len(data), binascii.crc32(data))
        directory.append(_central(name.encode("ascii"), len(data), binascii.crc32(data), offset))
        parts += [head, data]
        offset += len(head) + len(data)
    listing = b"".join(directory)
    if offset + len(listing) > MAX_BUNDLE or len(files) > MAX_FILES:
        raise ValueError("too large for a bundle")
    end = _END.pack(b"PK\x05\x06", 0, 0, len(files), len(files), len(listing), offset, 0)
    return b"".join([*parts, listing, end])


def unpack(bundle: bytes) -> tuple[dict[str, bytes], dict[str, tuple[int, int]], list[Problem]]:
    """Files, the byte range of each with its header, and every byte of the container that is not as it must be.

    Raises Broken where the directory cannot be followed.
    """
    total = len(bundle)
    tail = ((max(0, total - _END.size), total),)
    if not _END.size <= total <= MAX_BUNDLE:
        raise Broken(Problem("bundle", "is no bundle: its length is impossible", ((0, total),)))
    told = _END.unpack_from(bundle, total - _END.size)
    count, length, start = told[3], told[5], told[6]
    if told != (b"PK\x05\x06", 0, 0, count, count, length, start, 0) or start + length + _END.size != total or count > MAX_FILES:
        raise Broken(Problem("bundle", "its last 22 bytes are altered, or it was cut or lengthened", tail))
    files: dict[str, bytes] = {}
    spans: dict[str, tuple[int, int]] = {}
    problems: list[Problem] = []
    place, expected, last = start, 0, ""
    for _ in range(count):
        if place + _CENTRAL.size > total - _END.size:
            raise Broken(*problems, Problem("bundle", "its directory ends early", ((start, total),)))
        entry = _CENTRAL.unpack_from(bundle, place)
        crc, size, named, offset = entry[7], entry[8], entry[10], entry[16]
        stop = place + _CENTRAL.size + named
        name = bundle[place + _CENTRAL.size : stop].decode("ascii", "replace")
        if offset != expected or stop > total - _END.size or not _NAME.fullmatch(name) or name <= last:
            raise Broken(
                *problems,
                Problem(
                    "bundle", f"entry {len(files) + 1} of its directory is altered", ((place, min(stop, total)), *_near(bundle, expected))
                ),
            )
        head = _local(name.encode("ascii"), size, crc)
        data_at = offset + len(head)
        if data_at + size > start:
            raise Broken(*problems, Problem("bundle", f"the size of {name} is altered", ((place, stop), (offset, data_at))))
        data = bundle[data_at : data_at + size]
        files[name], spans[name] = data, (offset, data_at + size)
        if bundle[place:stop] != _central(name.encode("ascii"), size, crc, offset) or bundle[offset:data_at] != head:
            problems.append(Problem(name, "its header or its directory entry is altered", ((place, stop), (offset, data_at))))
        elif binascii.crc32(data) != crc:
            problems.append(Problem(name, "its bytes are altered", ((offset, data_at + size), (place, stop))))
        place, expected, last = stop, data_at + size, name
    if expected != start or place != start + length:
        problems.append(Problem("bundle", "bytes stand between its parts", ((min(expected, start), total),)))
    return files, spans, problems


def _near(bundle: bytes, offset: int) -> tuple[tuple[int, int], ...]:
    return ((min(offset, len(bundle)), min(offset + _LOCAL.size + 256, len(bundle))),)


# words, trees and signatures


def words(parts: Sequence[str]) -> bytes:
    """Words that cannot run into each other: each as `<characters>:<text>`."""
    return "".join([f"{len(part)}:{part}" for part in parts]).encode("utf-8", "surrogatepass")


def proves(leaf: bytes, index: int, count: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads from a leaf at `index` of `count` to the root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < count or len(path) > MAX_NESTING:
        return False
    found, left, last = hashlib.sha256(b"\x00" + leaf).digest(), list(path), count - 1
    while last:
        if index % 2 or index < last:
            if not left:
                return False
            other = left.pop(0)
            found = hashlib.sha256(b"\x01" + (other + found if index % 2 else found + other)).digest()
        index, last = index // 2, last // 2
    return not left and found == root


# Ed25519 verification (RFC 8032 section 5.1.7), for machines without a library
_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_SQRT = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def _sum(a: _Point, b: _Point) -> _Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    w, x, y, z = f - e, h - g, h + g, f + e
    return w * x % _P, y * z % _P, x * y % _P, w * z % _P


def _times(n: int, point: _Point) -> _Point:
    result: _Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = _sum(result, point)
        point, n = _sum(point, point), n >> 1
    return result


def _point(text: bytes) -> _Point | None:
    y = int.from_bytes(text, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT % _P
    if (x * x - square) % _P or (not x and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _same(a: _Point, b: _Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % _P == 0 and (a[1] * b[2] - b[1] * a[2]) % _P == 0


_BASE = _point(int(4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def signed_by_plain_python(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature holds, without a library."""
    if len(key) != 32 or len(signature) != 64 or _BASE is None:
        return False
    a, r, s = _point(key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= _L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _L
    return _same(_times(s, _BASE), _sum(r, _times(h, a)))


def signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature holds; by the library cryptography where it is installed."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return signed_by_plain_python(key, signature, message)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def root_message(number: int, hash_: str, at: str) -> bytes:
    """What is signed for a root of the chain."""
    return words((ROOT, str(number), hash_, at))


def manifest_message(manifest: bytes) -> bytes:
    """What is signed for a bundle."""
    return FORMAT.encode() + b"\n" + manifest


def entry_hash(entry: Mapping[str, Any]) -> str:
    """The hash that an entry of the chain must have."""
    told = [str(entry[name]) for name in ("number", "kind", "first", "last", "count", "root", "previous")]
    return hashlib.sha256(words(("netcam-chain/1", *told))).hexdigest()


# the bundle


@dataclass(frozen=True)
class Verdict:
    """What a check found: problems (none: the bundle is whole), and what it says."""

    problems: tuple[Problem, ...]
    key: str = ""
    """Public key of the signature, hex."""
    at: str = ""
    """When the bundle was made, as its maker says."""
    finding: str = ""
    records: int = 0
    roots: tuple[str, ...] = ()
    """When the signed roots were written, as their signer says."""
    stamps: int = 0
    """RFC 3161 time stamps beside the roots; checked by netcam where the authority's certificate is given."""
    notes: tuple[str, ...] = ()


def verify(bundle: bytes, key: str | None = None) -> Verdict:
    """Check a bundle whole. `key` is the public key that must have signed it, hex; without one the key is only told."""
    try:
        files, spans, problems = unpack(bundle)
    except Broken as broken:
        return Verdict(broken.problems)
    found = list(problems)

    def wrong(where: str, problem: str) -> None:
        found.append(Problem(where, problem, (spans[where],) if where in spans else ()))

    manifest = files.get("manifest.json", b"")
    told, by = _json(manifest), _json(files.get("signature.json", b""))
    public = str(by.get("key", ""))
    for name in ("manifest.json", "signature.json"):
        if name not in files:
            wrong("bundle", f"{name} is missing")
    if not (_HEX.fullmatch(public) and _SIGNATURE.fullmatch(str(by.get("signature", "")))):
        wrong("signature.json", "is no signature")
    elif files["signature.json"] != canonical({"key": public, "signature": by["signature"]}):
        wrong("signature.json", "is not written as it must be")
    elif not signed(bytes.fromhex(public), bytes.fromhex(by["signature"]), manifest_message(manifest)):
        found.append(
            Problem(
                "manifest.json", "does not carry the signature: it or the signature is altered",
                tuple(spans[name] for name in ("manifest.json", "signature.json") if name in spans),
            )
        )  # fmt: skip
    if key is not None and public != key.lower():
        wrong("signature.json", f"is by another key: {public[:16]}...")
    if told.get("format") != FORMAT:
        wrong("manifest.json", f"is not of the format {FORMAT}")
    listed = told.get("files") if isinstance(told.get("files"), dict) else {}
    assert isinstance(listed, dict)
    for name, data in files.items():
        if name in ("manifest.json", "signature.json"):
            continue
        if name not in listed:
            wrong(name, "is not in the manifest")
        elif hashlib.sha256(data).hexdigest() != listed[name]:
            wrong(name, "is not the file that was signed: its bytes are altered")
    for name in listed:
        if name not in files:
            wrong("bundle", f"{str(name)[:80]} is missing")
    if found:  # what the signature does not cover is not worth reading
        return Verdict(tuple(found), key=public)
    notes: list[str] = []
    try:
        records, roots, stamps = _chain(files, wrong, notes)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        wrong("records.jsonl", f"cannot be read: {type(error).__name__}")
        records, roots, stamps = 0, (), 0
    return Verdict(
        tuple(found), key=public, at=str(told.get("at", "")), finding=str(told.get("finding", "")), records=records, roots=roots, stamps=stamps,
        notes=tuple(notes),
    )  # fmt: skip


def canonical(record: object) -> bytes:
    """A record as the one line of JSON that a bundle holds it in."""
    return json.dumps(record, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _json(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        told = json.loads(line)
        if not isinstance(told, dict):
            raise TypeError
        yield told


def _chain(files: Mapping[str, bytes], wrong: Any, notes: list[str]) -> tuple[int, tuple[str, ...], int]:
    """Hold the records against the chain and the chain against its signed roots."""
    entries: dict[int, dict[str, Any]] = {}
    before: dict[str, Any] | None = None
    for entry in _lines(files["chain.jsonl"]):
        if entry_hash(entry) != entry["hash"]:
            wrong("chain.jsonl", f"entry {entry['number']} does not have its hash")
        if before is not None and (entry["number"] != before["number"] + 1 or entry["previous"] != before["hash"]):
            wrong("chain.jsonl", f"entry {entry['number']} does not follow the one before")
        entries[entry["number"]] = before = entry
    roots, stamps, top = [], 0, 0
    for root in _lines(files["roots.jsonl"]):
        held = entries.get(root["number"])
        message = root_message(root["number"], root["hash"], root["at"])
        if not signed(bytes.fromhex(root["key"]), bytes.fromhex(root["signature"]), message):
            wrong("roots.jsonl", f"the root of {root['at']} does not carry its signature")
        elif held is None or held["hash"] != root["hash"]:
            wrong("roots.jsonl", f"the root of {root['at']} is not that of entry {root['number']}")
        else:
            top = max(top, root["number"])
            roots.append(f"{root['at']} by {root['key'][:16]}")
            stamps += bool(root.get("stamp"))
    count, has_finding = 0, False
    for record in _lines(files["records.jsonl"]):
        count += 1
        what = f"{record['kind']} {record['number']}"
        entry = entries[record["entry"]]
        if not record["words"] or entry["kind"] != record["kind"] or not entry["first"] <= record["number"] <= entry["last"]:
            wrong("records.jsonl", f"{what} is not of the entry it names")
        leaf = hashlib.sha256(words(record["words"])).digest()
        path = [bytes.fromhex(step) for step in record["path"]]
        if not proves(leaf, record["index"], entry["count"], path, bytes.fromhex(entry["root"])):
            wrong("records.jsonl", f"{what} is not among the records of entry {entry['number']}")
        if entry["number"] > top:
            wrong("records.jsonl", f"{what} was stored after the last signed root")
        if record["kind"] == "observation":
            _raw(record["words"][-1], files, what, wrong, notes)
        else:
            has_finding = has_finding or record["kind"] == "finding"
            if record["words"][0] != record["kind"] or hashlib.sha256(files[record["content"]]).hexdigest() != record["words"][-1]:
                wrong(record["content"], f"is not the content of {what}")
    if not has_finding:
        wrong("records.jsonl", "holds no finding")
    return count, tuple(roots), stamps


def _raw(digest: str, files: Mapping[str, bytes], what: str, wrong: Any, notes: list[str]) -> None:
    if not digest:
        return
    kept = files.get(f"raw/{digest}")
    if kept is None:
        notes.append(f"{what}: the whole answer is no longer kept; what was read from it is")
    elif hashlib.sha256(kept).hexdigest() != digest:
        wrong(f"raw/{digest}", "is not the answer that was observed")


def told(verdict: Verdict, key: str | None = None) -> Iterator[str]:
    """A verdict in lines for a person; `key` is the one that was asked for."""
    for problem in verdict.problems:
        places = ", ".join(f"bytes {start} to {stop}" for start, stop in problem.ranges)
        yield f"BROKEN {problem.where}: {problem.problem}" + (f" ({places})" if places else "")
    if not verdict.problems:
        yield f"whole: finding {verdict.finding}, {verdict.records} records, each in the chain, made {verdict.at}"
        yield f"signed by key {verdict.key}"
        if key is None:
            yield "  compare it with the key that the estate published; whoever makes a bundle can sign it with a key of their own"
        else:
            yield "  which is the key that was asked for"
        yield from (f"root signed {root}" for root in verdict.roots)
        if verdict.stamps:
            yield f"{verdict.stamps} RFC 3161 time stamps are beside the roots: netcam evidence verify --tsa CERTIFICATE checks them"
        notes = list(dict.fromkeys(verdict.notes))
        yield from notes[:20]
        if len(notes) > 20:
            yield f"{len(notes) - 20} further notes"


def main() -> int:
    """Exit code 0: whole; 1: something is altered; 2: cannot be read."""
    parser = argparse.ArgumentParser(description="Check an evidence bundle.")
    parser.add_argument("bundle")
    parser.add_argument("--key", help="public key that must have signed it, hex")
    given = parser.parse_args()
    try:
        with Path(given.bundle).open("rb") as file:
            data = file.read(MAX_BUNDLE + 1)
    except OSError as error:
        sys.stderr.write(f"{given.bundle}: {error.strerror}\n")
        return 2
    verdict = verify(data, given.key)
    for line in told(verdict, given.key):
        # what a device said never reaches a terminal raw
        sys.stdout.write(line.encode("ascii", "backslashreplace").decode() + "\n")
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main())
