"""600,000 identities against every policy and advisory, on two cores, against the limit of 30 seconds.

Run: python tests/bench/assess.py [identities]
"""

from __future__ import annotations

import itertools
import multiprocessing
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from netcam.assess import firmware, policy
from netcam.catalog import advisories, families, policies
from netcam.catalog.home import content_root
from netcam.model import Claim, Identity, Observation, Site

IDENTITIES = 600_000
LIMIT = 30.0
"""Seconds on two cores."""
CHUNK = 20_000
TODAY = date(2026, 11, 25)
SITES = {
    f"site-{n}": Site(id=f"site-{n}", site_class=site_class, jurisdiction=place, links=links)
    for n, (site_class, place, links) in enumerate(
        itertools.product(
            ("force-estate", "sensitive-government", "hosting-government", "shared", "public-space", "unset"),
            ("gb-eng", "gb-wls", "gb-sct", "unset"),
            ((), ("us-federal-contract",)),
        )
    )
}
DEVICES = (
    ("Hikvision", "Hikvision", ("DS-2CD2032F-I", "DS-2CD2043G0-I", "DS-7616NI-Q2", "DS-2DE4225IW-DE"), "V5.{0}.{1} build 1{2}0513"),
    ("Dahua", "Dahua", ("IPC-HFW3441E-S", "IPC-HDBW2431E-S", "NVR5216-4KS2"), "2.8{0}0.0000000.{1}.R, Build Date: 202{2}-08-11"),
    ("Dahua", "Amcrest", ("IP2M-841B", "IP8M-2496E"), "2.5{0}0.AC00.{1}.R"),
    ("Uniview", "Uniview", ("IPC322LB-SF28-A", "NVR301-04S2-P4"), "DIPC-B1213.{0}.{1}.22123{2}"),
    ("Axis", "Axis", ("P3245-V", "M1033-W", "Q6075-E"), "{0}.{1}.{2}"),
    ("Hanwha", "Hanwha", ("QND-6022R", "XNV-8082R"), "1.4{0}.{1}_2021010{2}_R440"),
    ("Bosch", "Bosch", ("FLEXIDOME IP 4000i",), "7.{0}.01{1}{2}"),
    ("Sony", "Sony", ("SNC-EB520",), "1.8{0}.0{1}"),
    ("Vivotek", "Vivotek", ("FD8169A", "CC8160"), "FD8169A-VVTK-0{0}2{1}d"),
    ("Reolink", "Reolink", ("RLC-410W",), "v3.0.{0}.13{1}_20121102"),
    ("D-Link", "D-Link", ("DCS-932L", "DCS-5020L"), "1.{0}.{1}"),
    ("Tiandy", "Tiandy", ("TC-C32QN",), "APP_V3.{0}.{1}.20200606"),
    ("", "Annke", ("C500",), ""),
    ("", "LTS", ("CMIP1032",), ""),
    ("Pelco", "Pelco", ("IME229",), "2.{0}.{1}"),
    ("", "", ("",), ""),
)


def fleet(first: int, last: int) -> Iterator[Identity]:
    """Devices as the store hands them over: each with records of its own, some 8,000 distinct kinds among them."""
    for n in range(first, last):
        maker, brand, models, version = DEVICES[n % len(DEVICES)]
        n_model, rest = divmod(n // len(DEVICES), len(models))
        model = models[(n // len(DEVICES)) % len(models)]
        told = version.format(n_model % 10, rest % 10, n_model % 7)
        site = f"site-{n % len(SITES)}"
        slots = {"kind": "camera"} if n % 97 else {}
        because = []
        if brand:
            seen = Observation(field="http.title", value=f"{brand} login {n % 50}", site=site)
            slots["brand"] = brand
            because.append(Claim(slot="brand", value=brand, weight=0.8, by="test/brand", because=(seen,)))
        if maker:
            seen = Observation(field="mac" if n % 11 == 0 else "onvif.manufacturer", value=maker, site=site)
            slots["maker"] = maker
            because.append(Claim(slot="maker", value=maker, weight=0.9, by="test/maker", because=(seen,)))
        if model:
            slots["model"] = model
        if told:
            slots["firmware"] = told
        yield Identity(
            device=f"00:00:5e:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}", slots=slots, confidence=dict.fromkeys(slots, 0.9),
            because=tuple(because), addresses=(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}",), site=site,
        )  # fmt: skip


def half(span: tuple[int, int]) -> tuple[float, float, int]:
    """Seconds and processor seconds of judging, and findings, of one worker; making the identities is not counted."""
    root = Path(content_root())
    held = families.load(root)
    loaded = policies.load(root, families=held)
    notices = advisories.load(root)
    judge = policy.Assessor(loaded, held, SITES, TODAY)
    reader = firmware.Reader(notices, TODAY)
    spent, worked, found = 0.0, 0.0, 0
    for start in range(*span, CHUNK):
        chunk = list(fleet(start, min(start + CHUNK, span[1])))
        begun, used = time.perf_counter(), time.process_time()
        for identity in chunk:
            for _ in judge.findings(identity):
                found += 1
            for _ in reader.findings(identity):
                found += 1
        spent += time.perf_counter() - begun
        worked += time.process_time() - used
    return spent, worked, found


def main() -> None:
    """Print seconds, rate, and the share of the limit."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else IDENTITIES
    middle = wanted // 2
    with multiprocessing.Pool(2) as pool:
        told = pool.map(half, [(0, middle), (middle, wanted)])
    seconds = max(spent for spent, _, _ in told)
    worked = max(used for _, used, _ in told)
    findings = sum(found for _, _, found in told)
    # on cores of its own the two are equal; where others compute beside it, only the processor's seconds are its own
    share = worked / (LIMIT * wanted / IDENTITIES)
    print(
        f"{wanted} identities, {findings} findings: {seconds:.1f} s on two cores ({wanted / seconds:,.0f} a second), {worked:.1f} s of processor on the busier one"
    )
    print(f"{share:.2f} of the limit of {LIMIT:.0f} s for {IDENTITIES}")
    if share > 1:
        sys.exit(1)


if __name__ == "__main__":
    main()
