"""What a device needs: learnt from its own traffic, checked against later traffic, with drift shown. Data, not judgement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any

import msgspec
import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import subject
from netcam.egress.join import IN, LAN, LAN_IN, OUT, spelt
from netcam.egress.ledger import OTHERS
from netcam.egress.window import Window
from netcam.errors import ConfigError, StoreError

FORMAT = 1
"""Of the profile's own JSON."""
MAX_RULES = 500
"""Rules of one profile: a camera needs ten to thirty; a scan must not become a permission."""
FORWARD = {OUT: "to", LAN: "to", IN: "from", LAN_IN: "from"}
"""Who begins: the device (to) or the other side (from)."""


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One conversation that the device has, as seen or as explained."""

    way: str
    """`to`: the device begins it; `from`: the other side begins it."""
    inside: bool
    peer: str
    """A name, else an address."""
    port: int
    proto: int
    addresses: tuple[str, ...] = ()
    """Addresses of a name as seen; a firewall without names needs them."""
    up_day: int = 0
    """Most payload up in the days it was learnt from, bytes."""
    explained: bool = True
    """Declared, or documented by the maker, or inside the estate."""
    why: str = ""

    @property
    def key(self) -> tuple[str, bool, str, int, int]:
        """What makes it the same conversation."""
        return self.way, self.inside, self.peer, self.port, self.proto


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one device, or of all devices of one type."""

    device: str
    addresses: tuple[str, ...]
    maker: str
    model: str
    firmware: str
    hours: int
    """Hours with traffic it was learnt from."""
    rules: tuple[Rule, ...]
    left_out: tuple[Rule, ...] = ()
    """Seen, but not explained: not part of what the device needs until somebody says so."""


def learn(windows: Iterable[Window], device: str) -> Profile:
    """What `device` did in `windows`. Unexplained destinations, attempts without answer and scans are left out, and listed apart."""
    found: dict[tuple[str, bool, str, int, int], Rule] = {}
    ref, hours, crowded = None, set(), False
    for w in windows:
        number = next((n for n, d in enumerate(w.devices) if d.device == device), None)
        if number is None:
            continue
        ref = w.devices[number]
        mine = np.flatnonzero(w.chan["dev"] == number)
        hours |= set(w.hourly["hour"][w.hourly["dev"] == number].tolist())
        for k in mine.tolist():
            rule = _rule(w, k)
            if rule is None:
                continue
            known = found.get(rule.key)
            if known is None and len(found) >= MAX_RULES:
                crowded = True
                continue
            if known is not None:
                rule = Rule(
                    *rule.key, tuple(sorted({*known.addresses, *rule.addresses})), max(known.up_day, rule.up_day),
                    known.explained and rule.explained, rule.why,
                )  # fmt: skip
            found[rule.key] = rule
    if ref is None or not found:
        raise ConfigError(
            f"device {device!r:.80}", "no traffic of it is known here", "give captures or a state that hold some, or another device"
        )
    kept = tuple(sorted(r for r in found.values() if r.explained))
    left = tuple(sorted(r for r in found.values() if not r.explained))
    if crowded:
        left = (*left, Rule("to", False, f"more than {MAX_RULES} conversations: the rest is left out", 0, 0, explained=False))
    return Profile(device, ref.addresses, ref.maker or "", ref.model or "", ref.firmware or "", len(hours), kept, left)


def _rule(w: Window, k: int) -> Rule | None:
    c = w.chan
    side, label = int(c["side"][k]), w.label(k)
    if label == OTHERS or (side in (OUT, LAN) and not c["answered"][k]) or c["blocked"][k]:
        return None
    if side in (IN, LAN_IN) and not c["up"][k]:
        return None  # somebody knocked and was not let in
    addresses: tuple[str, ...] = ()
    if int(c["name"][k]):
        hi = int(c["at_hi"][k])
        addresses = (spelt(hi, int(c["at_lo"][k])),)
    inside = side in (LAN, LAN_IN)
    return Rule(
        FORWARD[side], inside, label, int(c["port"][k]), int(c["proto"][k]), addresses, int(c["up"][k]),
        inside or float(c["left"][k]) <= PLATFORM, w.explained[k].why,
    )  # fmt: skip


def of_type(windows: Sequence[Window], device: str) -> Profile:
    """What the devices of `device`'s maker, model and firmware have in common. Raises StoreError where its type or all traffic is unknown."""
    refs = {ref.device: ref for w in windows for ref in w.devices}
    mine = refs.get(device)
    if mine is None or not all(mine.type):
        raise StoreError(
            f"device {device!r:.80}",
            "its maker, model and firmware are not all known",
            "scan it first, or learn the profile of the device alone",
        )
    active = {w.devices[n].device for w in windows for n in np.unique(w.chan["dev"]).tolist()}
    return common([learn(windows, key) for key, ref in sorted(refs.items()) if key in active and ref.type == mine.type])


def common(profiles: Sequence[Profile], *, share: float = 0.5) -> Profile:
    """The profile of a type: rules that at least `share` of its devices have. Inside peers differ per site and stay per device."""
    if not profiles:
        raise StoreError("profiles", "none given", "learn the profile of at least one device")
    first = profiles[0]
    seen: dict[tuple[str, bool, str, int, int], list[Rule]] = {}
    for one in profiles:
        for rule in one.rules:
            if not rule.inside:
                seen.setdefault(rule.key, []).append(rule)
    kept = tuple(sorted(max(rules, key=lambda r: r.up_day) for rules in seen.values() if len(rules) >= share * len(profiles)))
    return Profile(
        f"{first.maker} {first.model}".strip(), (), first.maker, first.model, first.firmware, min(p.hours for p in profiles), kept
    )


@dataclass(frozen=True, slots=True)
class Drift:
    """How a device's traffic differs from its profile."""

    outside_profile: tuple[str, ...]
    """Conversations that the profile does not have."""
    not_seen: tuple[str, ...]
    louder: tuple[str, ...]
    """Conversations with more than LOUDER times the payload up of the days it was learnt from."""
    share_outside: float
    """Of the payload up, 0..1."""


LOUDER = 5.0
"""Times the loudest day it was learnt from: motion alone makes two or three."""


def check(profile: Profile, w: Window, device: str = "") -> Drift:
    """Later traffic of `device` held against the profile: its own, or that of its type, which says nothing of peers inside."""
    of = device or profile.device
    number = next((n for n, d in enumerate(w.devices) if d.device == of), None)
    known = {r.key: r for r in profile.rules}
    strange, louder, met, inside, total = [], [], set(), 0, 0
    for k in np.flatnonzero(w.chan["dev"] == number).tolist() if number is not None else []:
        rule = _rule(w, k)
        if rule is None or (rule.inside and of != profile.device):
            continue
        total += rule.up_day
        same = known.get(rule.key)
        if same is None:
            strange.append(subject(w, k))
            continue
        met.add(rule.key)
        inside += rule.up_day
        if rule.up_day > LOUDER * max(same.up_day, 100_000):
            louder.append(subject(w, k))
    missing = tuple(f"{r.way} {r.peer}:{r.port}" for r in profile.rules if r.key not in met)
    return Drift(tuple(sorted(strange)), missing, tuple(sorted(louder)), round(1 - inside / total, 4) if total else 0.0)


def dumps(profile: Profile) -> str:
    """The profile as JSON, to be kept and checked against."""
    return msgspec.json.format(msgspec.json.encode({"format": FORMAT, **asdict(profile)})).decode()


def loads(text: str, where: str) -> Profile:
    """A profile that `dumps` wrote. Raises StoreError."""
    try:
        data: dict[str, Any] = msgspec.json.decode(text)
        if data.pop("format") != FORMAT:
            raise ValueError("another format")
        made = msgspec.convert(data, Profile)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(where, f"is no profile ({type(error).__name__})", "write it with netcam egress profile --format json") from None
    if len(made.rules) > MAX_RULES:
        raise StoreError(where, f"has more than {MAX_RULES} rules", "a camera needs tens")
    return made


def literal(peer: str) -> bool:
    """Whether a rule's peer is an address."""
    try:
        ip_address(peer)
    except ValueError:
        return False
    return True


def ends(rule: Rule) -> Iterator[str]:
    """The addresses of a rule's peer, as far as they are known."""
    if literal(rule.peer):
        yield rule.peer
    else:
        yield from rule.addresses
