"""What a detector looks at: a day of one site's channels in columns, each explained, with the month before it beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from netcam.egress import ledger as book
from netcam.egress import lookups
from netcam.egress.columns import Array, Columns, folded, joined, number, order, size, spans, take
from netcam.egress.explained import LINKED, OWN_BY_PORT, Explainer, Explanation, SiteRules
from netcam.egress.join import HOUR, IN, LAN, LAN_IN, OUT, DeviceRef, spelt
from netcam.egress.ledger import CHANNEL, DAYS, HOURS, PORTION, STARTS, WINDOW_HOURS, Ledger
from netcam.flows.table import TELLS

__all__ = ["HOUR", "IN", "LAN", "LAN_IN", "OUT", "TELLS", "DeviceRef", "SiteRules", "Window", "window", "with_next"]

LINK_SECONDS = 120
"""Seconds after a maker's signalling service within which an address without name counts as what that service handed out."""
AN_HOUR = HOUR // PORTION
"""Portions of sixty minutes."""
P2P = TELLS["stun"] | TELLS["turn"] | TELLS["pppp"] | TELLS["dahua_p2p"] | TELLS["dtls"] | TELLS["quic"] | TELLS["rtp"]
"""What peer-to-peer viewing looks like on the wire."""


@dataclass
class Window:
    """A day of channels. All columns of `chan` have one row per channel, sorted by device, side and destination."""

    site: str
    rules: SiteRules
    start: int
    end: int
    devices: Sequence[DeviceRef]
    names: Sequence[str]
    chan: Columns
    """HOURS' columns over the whole window, and `group`, `pair` (row of `pairs`), `left` (how unexplained), `camera` (1, 0, -1 unknown)."""
    explained: Sequence[Explanation]
    hourly: Columns
    """One row per channel and hour: `chan`, `hour` and HOURS' columns."""
    starts: Columns
    """`chan`, `start` (tenths of a second since 1970), `up`; sorted by channel and time."""
    portions: Columns
    """Payload up to the outside: `chan`, `portion` (numbers of PORTION since 1970), `up`."""
    edges: Array
    """Channel k's starts are edges[k]:edges[k+1]."""
    pairs: Columns
    """One row per device, group and side of `chan`: sums, and from the month before: `first_seen`, `days_seen`, `usual_up` and more."""
    dns: Columns
    """One row per device and registered domain: questions, `unique` names and more."""
    levels: Array
    """Payload up per device and hour (hours since 1970 modulo 720); NaN where nothing was watched."""
    days: Columns
    """Rows per device, group, side and whole day before the window."""
    signatures: Columns
    notes: list[str] = field(default_factory=list)

    @cached_property
    def watched_days(self) -> Array:
        """Days before the window on which a device was seen, per device number."""
        seen = folded({k: self.days[k] for k in ("dev", "day")}, ("dev", "day"), {})
        return np.bincount(seen["dev"], minlength=len(self.devices))

    def talked(self) -> dict[str, int]:
        """Device -> hours of the window in which it was seen to talk, with whomever."""
        if not size(self.hourly):
            return {}
        seen = folded({"dev": self.chan["dev"][self.hourly["chan"]], "hour": self.hourly["hour"]}, ("dev", "hour"), {})
        counts = np.bincount(seen["dev"], minlength=len(self.devices))
        return {self.devices[n].device: int(counts[n]) for n in np.flatnonzero(counts).tolist()}

    def label(self, k: int) -> str:
        """Destination of channel `k` in words: its name, else its address."""
        name = int(self.chan["name"][k])
        if name:
            return self.names[name]
        hi = int(self.chan["hi"][k])
        return spelt(hi, int(self.chan["lo"][k]))

    def ref(self, k: int) -> DeviceRef:
        """The device of channel `k`."""
        return self.devices[int(self.chan["dev"][k])]

    def mask(self, *sides: int, camera: bool | None = None) -> Array:
        """Channels on these sides, of devices that are cameras or may be (`camera=True`: only those that are)."""
        kind = self.chan["camera"]
        found: Array = np.isin(self.chan["side"], sides) & (kind == 1 if camera else kind != 0)
        return found

    @cached_property
    def linked(self) -> Array:
        """Peers that the maker's signalling led to: peer-to-peer tells of them, all of one device together."""
        found: Array = self.chan["left"] == LINKED
        return found

    def busiest(self, owner: Array, count: int) -> Array:
        """Most payload up to the outside within sixty minutes, wherever they begin, per owner; `owner` numbers the channels, -1 none."""
        mine = owner[self.portions["chan"]]
        taken = mine >= 0
        # so far apart that sixty minutes never reach from one owner to another
        key = mine[taken] * (2 * WINDOW_HOURS * AN_HOUR) + self.portions["portion"][taken] - self.start // PORTION
        arranged = np.argsort(key, kind="stable")
        key, total = key[arranged], np.concatenate([[0], np.cumsum(self.portions["up"][taken][arranged])])
        within = total[1:] - total[np.searchsorted(key, key - AN_HOUR, "right")]
        most = np.zeros(count)
        np.maximum.at(most, mine[taken][arranged], within)
        return most

    @property
    def ratio(self) -> Array:
        """Producer/consumer ratio of payload per channel, -1..+1; 0 where nothing was sent (Bullard and Gerth, PCR)."""
        up, down = self.chan["up"].astype(float), self.chan["down"].astype(float)
        found: Array = np.where(up + down > 0, (up - down) / np.maximum(up + down, 1), 0.0)
        return found


def window(kept: Ledger, explainer: Explainer, site: str, hour: int) -> Window:
    """The day that ends with `hour`, from what the ledger keeps."""
    parts = [h for h in kept.hours if h.hour > hour - WINDOW_HOURS]
    hourly = joined([h.channels for h in parts], HOURS)
    numbers = kept.numbers
    # numbers are given in order of arrival; the order of the texts is the same whatever came first
    dev_rank = _ranks([d.device for d in numbers.devices])
    name_rank = _ranks(numbers.names)
    keyed = {k: hourly[k] for k in CHANNEL} | {"dev": dev_rank[hourly["dev"]], "name": name_rank[hourly["name"]]}
    keys = ("dev", "side", "name", "hi", "lo", "port", "proto")
    at, rows = number(keyed, keys)
    hourly["chan"] = at
    how = {k: v for k, v in book._HOW.items() if k != "hour"} | {"distinct": "max"}
    chan = folded(hourly, ("chan",), how)
    chan |= {k: hourly[k][rows] for k in CHANNEL}
    chan["group"] = kept.group(chan)
    explained = [
        explainer.explain(numbers.devices[d], numbers.names[n] if n else "", hi, lo, s, p, q)
        for d, n, hi, lo, s, p, q in zip(*(chan[k].tolist() for k in CHANNEL), strict=True)
    ]
    chan["left"] = np.array([e.left for e in explained] or [0.0])[: size(chan)]
    kinds = np.array([{True: 1, False: 0, None: -1}[d.is_camera] for d in numbers.devices] or [-1])
    chan["camera"] = kinds[chan["dev"]] if size(chan) else np.zeros(0, np.int64)
    starts, edges = _starts(parts, at, size(chan))
    begin, end = (hour - WINDOW_HOURS + 1) * HOUR, (hour + 1) * HOUR
    days = joined(kept.days, DAYS)
    made = Window(
        site=site, rules=explainer.rules, start=begin, end=end, devices=numbers.devices, names=numbers.names, chan=chan,
        explained=explained, hourly=hourly, starts=starts, portions=_portions(parts, at), edges=edges, pairs={}, dns=_dns(parts, numbers.names), levels=kept.levels,
        days=take(days, days["day"] < begin // (24 * HOUR)), signatures=joined([h.signatures for h in parts], book.SIGNATURES),
    )  # fmt: skip
    _known_addresses(made)
    _link(made, explainer)
    made.pairs = _pairs(made, days)
    return made


def _ranks(texts: Sequence[str]) -> Array:
    ranked = np.zeros(max(1, len(texts)), np.int64)
    ranked[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    return ranked


def _starts(parts: Sequence[book.Hour], at: Array, count: int) -> tuple[Columns, Array]:
    base, found = 0, []
    for part in parts:
        found.append(
            {
                "chan": at[base + part.starts["row"]],
                "start": part.hour * 36_000 + part.starts["start"].astype(np.int64),
                "up": part.starts["up"],
            }
        )
        base += size(part.channels)
    whole = joined(found, {"chan": "i8", "start": "i8", "up": STARTS["up"]})
    arranged = np.lexsort([whole["start"], whole["chan"]])
    whole = take(whole, arranged)
    return whole, spans(whole["chan"], count)


def _portions(parts: Sequence[book.Hour], at: Array) -> Columns:
    base, found = 0, []
    for part in parts:
        portion = part.hour * AN_HOUR + part.portions["portion"].astype(np.int64)
        found.append({"chan": at[base + part.portions["row"]], "portion": portion, "up": part.portions["up"]})
        base += size(part.channels)
    return joined(found, {"chan": "i8", "portion": "i8", "up": "i8"})


def _known_addresses(made: Window) -> None:
    """A flow whose beginning was not seen has no name: it is explained like the named one of the same device to the same address."""
    chan, explained = made.chan, list(made.explained)
    bare = np.flatnonzero((chan["side"] <= IN) & (chan["name"] == 0) & (chan["left"] > LINKED))
    named = np.flatnonzero((chan["side"] == OUT) & (chan["name"] > 0) & (chan["left"] < LINKED))
    if not len(bare) or not len(named):
        return
    places = {
        key: k
        for *key_parts, k in zip(*(chan[c][named].tolist() for c in ("dev", "at_hi", "at_lo", "port")), named.tolist(), strict=True)
        for key in [tuple(key_parts)]
    }
    for k in bare.tolist():
        twin = places.get((int(chan["dev"][k]), int(chan["hi"][k]), int(chan["lo"][k]), int(chan["port"][k])))
        if twin is not None:
            chan["left"][k] = chan["left"][twin]
            explained[k] = replace(explained[twin], why=f"the device calls this address {made.label(twin)}: {explained[twin].why}")
    made.explained = explained


def _link(made: Window, explainer: Explainer) -> None:
    """Addresses without name that a device calls are explained by its maker's signalling service: by a port that its cloud hands out, else
    half, where peer-to-peer follows it at once."""
    chan = made.chan
    signal = np.array([
        e.known is not None and e.documented and not e.known.generic and bool({"p2p_signalling", "cloud_config", "mqtt_events", "stun_turn"} & set(e.known.purposes))
        for e in made.explained
    ], bool)  # fmt: skip
    if not signal.any():
        return
    _handed_out(made, explainer, signal)
    bare = (chan["side"] <= IN) & (chan["name"] == 0) & (chan["left"] > LINKED) & ((chan["tells"] & P2P) != 0) & (chan["proto"] == 17)
    doors = signal[made.starts["chan"]]
    dev, at = chan["dev"][made.starts["chan"][doors]].astype(np.int64), made.starts["start"][doors] // 10
    mark = np.sort(dev << 33 | at)  # seconds since 1970 fit 33 bits until 2242
    explained = list(made.explained)
    for k in np.flatnonzero(bare).tolist():
        first = (int(chan["dev"][k]) << 33) | int(chan["first"][k] // 1_000_000_000)
        n = int(np.searchsorted(mark, first, "right")) - 1
        if n >= 0 and 0 <= first - int(mark[n]) <= LINK_SECONDS:
            chan["left"][k] = LINKED
            explained[k] = Explanation(
                LINKED, "an address that the device called by peer-to-peer right after its maker's signalling service"
            )
    made.explained = explained


def _handed_out(made: Window, explainer: Explainer, signal: Array) -> None:
    """Where the inventory does not know a device's maker, the one maker whose signalling it uses says which ports its cloud hands out."""
    chan, explained = made.chan, list(made.explained)
    makers: dict[int, set[str]] = {}
    for k in np.flatnonzero(signal & (chan["side"] == OUT)).tolist():
        known = explained[k].known
        if known is not None and made.ref(k).maker is None:
            makers.setdefault(int(chan["dev"][k]), set()).add(known.maker)
    for k in np.flatnonzero((chan["side"] == OUT) & (chan["name"] == 0) & (chan["left"] > LINKED)).tolist():
        of = makers.get(int(chan["dev"][k]), set())
        if len(of) == 1:
            service = explainer.destinations.match_service(int(chan["port"][k]), int(chan["proto"][k]), maker=next(iter(of)))
            if service is not None:
                chan["left"][k] = OWN_BY_PORT
                why = f"no name; the device uses {service.maker}'s signalling, and port {int(chan['port'][k])} is one that its cloud hands out"
                explained[k] = Explanation(OWN_BY_PORT, why, service)
    made.explained = explained


def _pairs(made: Window, days: Columns) -> Columns:
    """Device, group and side: the window's sums and the month's history."""
    chan = made.chan
    names = ("dev", "group", "side")
    at, rows = number(chan, names)
    chan["pair"] = at
    how = {
        "n": "sum", "up": "sum", "down": "sum", "pk_up": "sum", "answered": "sum", "blocked": "sum", "tells": "or", "first": "min", "last": "max",
        "left": "max", "camera": "max", "blind": "sum", "marks": "or", "stream_up": "sum", "stream_seconds": "sum", "bursts": "sum",
    }  # fmt: skip
    made_pairs = folded({k: chan[k] for k in (*how, "pair")}, ("pair",), how)
    made_pairs |= {k: chan[k][rows] for k in names}
    count = size(made_pairs)
    # find each pair's rows among the days
    both = {k: np.concatenate([made_pairs[k], days[k].astype(made_pairs[k].dtype)]) for k in names}
    numbers, _ = number(both, names)
    mine = np.full(int(numbers.max()) + 1 if len(numbers) else 0, -1, np.int64)
    mine[numbers[:count]] = np.arange(count)
    owner = mine[numbers[count:]]
    seen = owner >= 0
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, owner[seen], days["first"][seen].astype(np.int64))
    made_pairs["first_seen"] = np.minimum(first, made_pairs["first"] // 1_000_000_000)
    earlier = seen & (days["day"] < made.start // (24 * HOUR))
    made_pairs["days_seen"] = np.bincount(owner[earlier], minlength=count)[:count]
    top = np.zeros(count)
    np.maximum.at(top, owner[earlier], days["up"][earlier].astype(float))
    made_pairs["most_up"] = top
    return made_pairs


def _dns(parts: Sequence[book.Hour], names: Sequence[str]) -> Columns:
    """Questions of the window per device and registered domain; names that are asked once each under ever new domains count as one."""
    asked = joined([h.dns for h in parts], lookups.KINDS)
    hashes = joined([h.names for h in parts], lookups.NAMES)
    # a tunnel without a domain of its own asks for random names: each is a domain asked once
    per = folded({"dev": asked["dev"], "parent": asked["parent"], "asked": asked["asked"]}, ("dev", "parent"), {"asked": "sum"})
    once = per["asked"] == 1
    singles = np.bincount(per["dev"][once], minlength=1) if size(per) else np.zeros(1)
    loose = take(per, once & (singles[np.minimum(per["dev"], len(singles) - 1)] >= 20)) if size(per) else per
    if size(loose):
        marked = {int(d) << 32 | int(p) for d, p in zip(loose["dev"], loose["parent"], strict=True)}
        for part in (asked, hashes):
            key = part["dev"].astype(np.int64) << 32 | part["parent"].astype(np.int64)
            part["parent"] = np.where(np.isin(key, list(marked)), 0, part["parent"]).astype(np.int32)
    how = dict.fromkeys(("asked", "length", "odd", "dense", "size", "unanswered"), "sum") | {"longest": "max"}
    # each hour together with the one before: a full hour in the middle of a tunnel hides nothing
    made = folded(with_next(asked), ("dev", "parent", "hour"), how | {"server_hi": "max", "server_lo": "max"})
    distinct = lookups.bottom(with_next(hashes))
    made["unique"] = np.minimum(_count(distinct, made, ("dev", "parent", "hour")), made["asked"])
    day = folded(asked, ("dev", "parent"), how | {"server_hi": "max", "server_lo": "max"})
    bounded = lookups.bottom(hashes | {"hour": np.zeros_like(hashes["hour"])})
    day["unique"] = np.minimum(_count(bounded, day, ("dev", "parent")), day["asked"])
    ranked = np.lexsort([made["unique"], made["parent"], made["dev"]])
    _, begins = order(take(made, ranked), ("dev", "parent"))
    busiest = ranked[np.append(begins[1:], len(ranked)) - 1] if size(day) else np.zeros(0, np.int64)
    for column in ("asked", "unique", "length", "odd", "dense"):
        day[f"hours_{column}"] = made[column][busiest]
    return day


def with_next(columns: Columns) -> Columns:
    """Every row in its hour and in the one after: what is then of one hour is of two hours on end."""
    after = columns | {"hour": columns["hour"] + 1}
    return {name: np.concatenate([values, after[name]]) for name, values in columns.items()}


def _count(distinct: Columns, into: Columns, keys: Sequence[str]) -> Array:
    """Rows of `distinct` per key of `into`; every key of `distinct` is in `into`."""
    count = size(into)
    both = {k: np.concatenate([into[k], distinct[k].astype(into[k].dtype)]) for k in keys}
    numbers, _ = number(both, keys)
    places = int(numbers.max()) + 1 if len(numbers) else 0
    totals = np.bincount(numbers[count:], minlength=places)
    # beyond the bound only the smallest hashes are kept: how close they lie tells how many there were
    largest = np.zeros(places)
    np.maximum.at(largest, numbers[count:], distinct["hash"].astype(float))
    full = totals >= lookups.MAX_NAMES
    totals = np.where(full, ((lookups.MAX_NAMES - 1) / np.maximum(largest / 2**62, 1e-18)).astype(np.int64), totals)
    found: Array = totals[numbers[:count]]
    return found
