"""An evidence bundle: a finding with everything it rests on, its place in the hash chain, and a page in plain words."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import msgspec

from netcam.errors import ConfigError, StoreError, shown
from netcam.inventory import merkle, signing, verify
from netcam.inventory.chain import Entry, Sealed
from netcam.inventory.evidence_page import page
from netcam.inventory.port import Action, Inventory
from netcam.inventory.retention import named_packets
from netcam.inventory.runs import SCAN
from netcam.inventory.signing import Key
from netcam.model import Finding, Identity, Observation, rfc3339

MIN_KEY = 6
"""Hex digits of a finding's key that may stand for it."""
MAX_ENTRIES = 200_000
"""Entries of the chain that one bundle carries: about 80 MB."""
MAX_ACTIONS = 1000
"""Actions of operators on one device that a bundle carries, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A signed bundle, and what it could not carry, in words for the operator."""

    data: bytes
    notes: tuple[str, ...] = ()


def find(inventory: Inventory, wanted: str) -> Finding:
    """The present finding with this key, or a beginning of it that only one has. Raises ConfigError."""
    found = [f for f in inventory.findings() if len(wanted) >= MIN_KEY and f.key.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    where = f"finding {shown(wanted)}"
    if not found:
        raise ConfigError(where, "is not in the inventory", f"give the `key` of a finding of `netcam show`, at least {MIN_KEY} digits")
    raise ConfigError(where, f"{len(found)} findings begin so", "give more of the key")


def export(
    inventory: Inventory,
    key: Key,
    finding: Finding,
    *,
    now: datetime,
    version: str,
    content: Mapping[str, bytes],
    packets: Mapping[str, bytes] | None = None,
) -> Bundle:
    """The bundle of a finding.

    `content` is the content that judged (file name -> text), `packets` captures that the operator adds; both are signed,
    the chain does not vouch for them. Raises StoreError where the finding is not in the chain.
    """
    notes: list[str] = []
    identity = next((i for i in inventory.identities(site=finding.site) if i.device == finding.device), None)
    if identity is None:
        notes.append("the device is not in the inventory any more: the bundle holds the finding alone")
    seen = _observations(identity)
    records: list[tuple[Sealed, Entry]] = []
    everything: list[Finding | Identity | Observation] = [finding, *([identity] if identity else []), *seen]
    for one in everything:
        sealed = inventory.sealed(one)
        entry = inventory.entry_of(sealed.kind, sealed.number) if sealed is not None else None
        if sealed is None or entry is None:
            if one is finding:
                raise StoreError(f"finding {finding.key}", "does not stand in the chain", "run `netcam inventory check`")
            notes.append(f"{type(one).__name__.lower()} {_named(one)} is no longer kept: it is not in the bundle")
            continue
        records.append((sealed, entry))
    scans = {one.scan for one in seen if one.scan}
    actions = [action for action in inventory.actions() if _concerns(action, finding, scans)][-MAX_ACTIONS:]
    records += [(_sealed_action(action), _entry_of(inventory, action)) for action in actions]
    signing.sign_root(inventory, key, now)
    files: dict[str, bytes] = {}
    lines = []
    leaves: dict[int, list[bytes]] = {}
    places: dict[int, dict[int, int]] = {}
    for sealed, entry in records:
        if entry.number not in leaves:
            told = inventory.leaves(entry)
            leaves[entry.number] = [leaf.digest for leaf in told]
            places[entry.number] = {leaf.number: place for place, leaf in enumerate(told)}
        index = places[entry.number][sealed.number]
        line: dict[str, object] = {
            "kind": sealed.kind,
            "number": sealed.number,
            "words": list(sealed.words),
            "entry": entry.number,
            "index": index,
        }
        line["path"] = [step.hex() for step in merkle.path(leaves[entry.number], index)]
        if sealed.kind != "observation":
            line["content"] = f"content/{sealed.kind}-{sealed.number}"
            files[f"content/{sealed.kind}-{sealed.number}"] = sealed.content
        lines.append(verify.canonical(line))
    files["records.jsonl"] = b"".join(lines)
    files |= _chain(inventory, [entry.number for _, entry in records])
    for digest in sorted({one.raw for one in seen if one.raw}):
        raw = inventory.raw(digest)
        if raw is not None:
            files[f"raw/{digest}"] = raw
    files |= {f"judged-by/{name}": text for name, text in content.items()}
    for digest in named_packets(finding):
        kept = inventory.raw(digest)
        if kept is None:
            notes.append(f"the packets with SHA-256 {digest} that the finding names are not in the inventory")
        else:
            files[f"packets/{digest[:16]}.pcap"] = kept
    for name, data in (packets or {}).items():
        files[f"packets/{name}"] = data
        if not any(hashlib.sha256(data).hexdigest() in line for line in finding.evidence):
            notes.append(f"packets/{name} is signed beside the finding, which does not name it: the chain does not vouch for it")
    at = rfc3339(now, "seconds")
    files["page.html"] = page(finding, identity, seen, actions, at=at, version=version, notes=notes, raw=frozenset(files)).encode(
        "utf-8", "replace"
    )
    return Bundle(data=sealed_bundle(files, key, finding=finding.key, at=at, version=version), notes=tuple(notes))


def sealed_bundle(files: Mapping[str, bytes], key: Key, *, finding: str, at: str, version: str) -> bytes:
    """The container of the files with its signed manifest."""
    listed = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = verify.canonical({"format": verify.FORMAT, "finding": finding, "at": at, "netcam": version, "files": listed})
    signature = verify.canonical({"key": key.public, "signature": key.sign(verify.manifest_message(manifest))})
    try:
        return verify.pack({**files, "manifest.json": manifest, "signature.json": signature})
    except ValueError as error:
        raise StoreError("evidence bundle", str(error), "export without captures, or fewer of them") from None


def _observations(identity: Identity | None) -> list[Observation]:
    """What the identity's claims rest on, winning and losing ones, each once."""
    if identity is None:
        return []
    claims = (*identity.because, *identity.disputed)
    return list(dict.fromkeys(seen for claim in claims for seen in claim.because))


def _named(record: Finding | Identity | Observation) -> str:
    return f"{record.field} of {record.endpoint}" if isinstance(record, Observation) else record.device


def _concerns(action: Action, finding: Finding, scans: Collection[str]) -> bool:
    """Whether an action names the finding's device at its site, the finding, or a run that it rests on."""
    if finding.key.encode() in action.body:
        return True
    try:
        told = msgspec.json.decode(action.body)
    except msgspec.DecodeError:
        return False
    if not isinstance(told, dict) or told.get("site") != finding.site:
        return False
    return told.get("device") == finding.device or (action.kind == SCAN and told.get("id") in scans)


def _sealed_action(action: Action) -> Sealed:
    from netcam.inventory.chain import seal_content
    from netcam.inventory.packing import micros

    return seal_content("action", action.number, action.body, str(micros(action.at)), action.by, action.kind)


def _entry_of(inventory: Inventory, action: Action) -> Entry:
    entry = inventory.entry_of("action", action.number)
    if entry is None:
        raise StoreError(f"action {action.number}", "does not stand in the chain", "run `netcam inventory check`")
    return entry


def _chain(inventory: Inventory, numbers: Iterable[int]) -> dict[str, bytes]:
    """The entries from the first of the records to the first signed root after the last, and the roots among them."""
    wanted = sorted(numbers)
    first, last = wanted[0], wanted[-1]
    roots = signing.roots(inventory)
    top = next((root.number for root in roots if root.number >= last), None)
    if top is None:
        raise StoreError("the chain", "was not signed up to the finding", "run `netcam evidence sign`")
    if top - first > MAX_ENTRIES:
        raise StoreError("the chain", f"{top - first} entries lie between the records", "export sooner after a scan")
    entries = [entry for entry in inventory.entries(after=first - 1) if entry.number <= top]
    return {
        "chain.jsonl": b"".join(verify.canonical(asdict(entry)) for entry in entries),
        "roots.jsonl": b"".join(verify.canonical(msgspec.to_builtins(root)) for root in roots if first <= root.number <= top),
    }
