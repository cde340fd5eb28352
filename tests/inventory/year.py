"""A scripted year of an estate: what every sweep saw of whom, with the truth beside it. Made from a seed, no clock, no network."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from netcam.model import Observation

START = datetime(2025, 3, 3, 2, tzinfo=UTC)
WEEKS = 52
SITES = ("north", "south")
"""Both number their networks 10.20.0.0/16."""
MODELS = ("DS-2CD2143", "IPC-HFW2431", "P3245-LVE", "QNV-7080", "NBE-4502", "IPC2124")


@dataclass
class Unit:
    """One device, as it really is."""

    name: str
    site: str
    sort: str
    routed: bool
    macs: list
    addresses: list
    model: str = ""
    serial: str = ""
    uuid: str = ""
    cert: str = ""
    server: str = "App-webs/"
    firmware: int = 1
    dhcp: bool = False
    life: int = 0
    gone: bool = False
    port: str = "80"
    extra: dict = field(default_factory=dict)

    @property
    def truth(self):
        """A phone that makes up a MAC is a new stranger each time: nobody can know better."""
        return f"{self.name}#{self.life}" if self.sort == "phone" else self.name


class Year:
    """`observations` and, beside each, the name of the unit it was really seen of."""

    def __init__(self, devices=2000, seed=7, weeks=WEEKS):
        self.random, self.seen, self.truth, self.events = random.Random(seed), [], [], {}
        self.units, self._serial, self._mac, self._free = [], 0, 0, {site: iter(range(1, 65000)) for site in SITES}
        clones = str(self.uuid())
        for n in range(devices):
            self.units.append(self.unit(n, SITES[n % 2], clones))
        for week in range(weeks):
            self.happen(week)
            self.sweep(week)

    def uuid(self):
        text = f"{self.random.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def mac(self, local=False):
        self._mac += 1
        if local:
            text = f"{self.random.getrandbits(48):012x}"
            text = text[0] + "26ae"[self._mac % 4] + text[2:]
        else:
            text = f"{self.random.choice(('4419b6', '9002a9', 'accc8e', '00166c'))}{self._mac:06x}"
        return ":".join(text[n : n + 2] for n in range(0, 12, 2))

    def address(self, site):
        n = next(self._free[site])
        return f"10.20.{n >> 8}.{n & 255}"

    def serial(self, model):
        self._serial += 1
        return f"{model}2019{self._serial:07d}AAWR"

    def unit(self, n, site, clones):
        draw = self.random.random
        sort = "camera" if n % 20 < 13 else ("onvif", "onvif", "plain", "recorder", "phone", "office", "madeup")[n % 20 - 13]
        one = Unit(f"u{n}", site, sort, routed=n % 5 == 0 and sort != "madeup", macs=[self.mac()], addresses=[self.address(site)])
        one.dhcp = draw() < 0.4 if sort not in ("phone",) else True
        one.model = self.random.choice(MODELS)
        if sort == "camera":
            one.serial, one.uuid = self.serial(one.model), self.uuid()
            one.cert = f"{self.random.getrandbits(120):030x}"
        elif sort == "onvif":
            one.uuid = clones if n % 40 == 13 else self.uuid()
            one.serial = self.serial(one.model) if n % 40 == 13 else ""
        elif sort == "plain":
            one.dhcp = one.dhcp and not one.routed  # an operator who routes cameras without any identifier numbers them by hand
        elif sort == "recorder":
            one.serial, one.uuid = self.serial("NVR"), self.uuid()
            one.model = "NVR-4216"
            one.macs.append(self.mac())
            one.addresses.append(self.address(site))
        elif sort == "phone":
            one.macs, one.model, one.server = [self.mac(local=True)], "", ""
        elif sort == "office":
            one.model, one.server = "", "HP HTTP Server"
        elif sort == "madeup":
            one.macs = [self.mac(local=True)]
            one.uuid = self.uuid() if n % 40 < 20 else ""
            one.dhcp = bool(one.uuid) and one.dhcp
        return one

    def count(self, what):
        self.events[what] = self.events.get(what, 0) + 1

    def happen(self, week):
        """What a week does to an estate."""
        if week == 0:
            return
        draw = self.random
        for one in list(self.units):
            if one.gone:
                continue
            if one.dhcp and draw.random() < 0.05:
                self.count("address changed")
                one.addresses = [self.address(one.site) for _ in one.addresses]
            if one.sort == "phone" and draw.random() < 0.3:
                self.count("phone made up a MAC")
                one.macs, one.life = [self.mac(local=True)], one.life + 1
                one.addresses = [self.address(one.site)]
            if one.sort == "madeup" and draw.random() < 0.1:
                self.count("camera made up a MAC")
                one.macs = [self.mac(local=True)]
            if draw.random() < 0.02:
                one.firmware += 1
            if one.sort in ("camera", "onvif", "recorder") and draw.random() < 0.002:
                self.replace(one)
            if one.sort in ("camera", "recorder") and draw.random() < 0.001:
                self.count("network card replaced")
                one.macs[0] = self.mac()
        lent = [u for u in self.units if u.dhcp and not u.gone and u.sort in ("camera", "onvif")]
        for _ in range(3):  # two devices swap their addresses
            a, b = draw.sample(lent, 2)
            if a.site == b.site:
                self.count("two devices swapped addresses")
                a.addresses, b.addresses = b.addresses, a.addresses
        cards = [u for u in self.units if u.sort == "camera" and not u.gone and u.site == SITES[week % 2]]
        a, b = draw.sample(cards, 2)
        self.count("network card moved to another camera")
        b.macs[0], a.macs[0] = a.macs[0], self.mac()

    def replace(self, one):
        """Another unit of the same model on the same place."""
        self.count("unit replaced")
        one.gone = True
        new = Unit(f"{one.name}+", one.site, one.sort, one.routed, [self.mac() for _ in one.macs], one.addresses, one.model, dhcp=one.dhcp)
        new.serial, new.uuid = self.serial(one.model) if one.serial else "", self.uuid()
        self.units.append(new)

    def sweep(self, week):
        draw = self.random
        at = START + timedelta(weeks=week)
        for one in self.units:
            if one.gone or draw.random() < 0.05:  # off this week
                continue
            moment = at + timedelta(seconds=draw.randrange(3600))
            whole = draw.random() > 0.1  # the rest of the time it is busy and tells little
            for n, address in enumerate(one.addresses):
                self.see(one, one.truth, one.macs[n % len(one.macs)], address, moment, f"{one.site}-{week}", whole, 0)
            if week % 3 == 0 and not one.routed and one.sort != "phone":
                self.see(
                    one,
                    one.truth,
                    one.macs[0],
                    f"fe80::{int(one.macs[0].replace(':', ''), 16) & 0xFFFFFF:x}",
                    moment,
                    f"{one.site}-{week}",
                    False,
                    1,
                )

    def see(self, one, truth, mac, address, at, scan, whole, hop):
        def tell(name, value, port="", via="http"):
            place = f"{address}:{port}" if port and ":" not in address else address
            self.truth.append(truth)
            self.seen.append(
                Observation(
                    field=name, value=value, at=at, site=one.site, endpoint=place, mac="" if one.routed else mac, via=via, scan=scan
                )
            )

        tell("port.open", one.port, one.port)
        if one.server:
            tell("http.server", f"{one.server}{one.firmware}", one.port)
        if not whole:
            return
        if one.sort in ("camera", "recorder") and one.serial:
            tell("sadp.DeviceSN", one.serial, via="sadp")
            tell("sadp.MAC", mac.replace(":", "-"), via="sadp")
            tell("sadp.DeviceDescription", one.model, via="sadp")
        if one.sort == "onvif" and one.serial:
            tell("onvif.serial", one.serial)
        if one.uuid:
            tell("onvif.uuid", one.uuid, via="ws-discovery")
        if one.sort in ("onvif", "madeup"):
            tell("onvif.scope.hardware", one.model, via="ws-discovery")
        if one.cert:
            tell("tls.serial", one.cert, "443", "tls")


def score(year, device_of):
    """Share of sightings whose device is the one that holds most of its unit's, and is held mostly by it; and the clusters across sites."""
    pairs, sites = {}, {}
    for seen, truth in zip(year.seen, year.truth, strict=True):
        found = (seen.site, device_of(seen))
        pairs[truth, found] = pairs.get((truth, found), 0) + 1
        sites.setdefault(found, set()).add(seen.site)
    best_of_truth, best_of_found, spread, held = {}, {}, {}, {}
    for (truth, found), _ in sorted(pairs.items(), key=lambda item: (-item[1], str(item[0]))):
        best_of_truth.setdefault(truth, found)
        best_of_found.setdefault(found, truth)
        spread.setdefault(truth, set()).add(found)
        held.setdefault(found, set()).add(truth)
    right = sum(count for (truth, found), count in pairs.items() if best_of_truth[truth] == found and best_of_found[found] == truth)
    units = sum(1 for truth, found in best_of_truth.items() if best_of_found[found] == truth)
    exact = sum(1 for truth, found in spread.items() if len(found) == 1 and len(held[next(iter(found))]) == 1)
    return {
        "observations": len(year.seen), "units": len(spread), "devices": len(held), "right": right / len(year.seen),
        "units_right": units / len(spread), "exact": exact / len(spread), "across_sites": sum(len(s) > 1 for s in sites.values()),
        "merged": sum(len(t) > 1 for t in held.values()), "split": sum(len(f) > 1 for f in spread.values()),
    }  # fmt: skip
