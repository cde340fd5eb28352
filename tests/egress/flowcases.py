"""Flow tables from the plain text of a case."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import numpy as np

from netcam.egress.detect import DeviceRef, SiteRules
from netcam.flows.table import COLUMNS, LOOKUP_COLUMNS, QUALITY, TELLS, FlowTable, Lookups

T0 = 1_763_942_400 * 10**9
"""2025-11-24 00:00 UTC."""
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "gre": 47, "esp": 50}


def table(flows: list[dict[str, str]], asked: list[dict[str, str]] | None = None) -> FlowTable:
    """A table from the flows of a case; `repeat` and `every` (seconds) unfold one flow into many, `step` moves its address on."""
    rows: list[dict[str, int]] = []
    names: dict[int, tuple[str, str]] = {}
    for flow in flows:
        for n in range(int(flow.get("repeat", "1"))):
            start = T0 + int((float(flow.get("at", "0")) + n * float(flow.get("every", "0"))) * 1e9)
            if flow.get("jitter"):
                start += int(float(flow["jitter"]) * 1e9 * ((n * 7919) % 101 - 50) / 50)
            out, back = int(flow.get("out", "0")), int(flow.get("in", "0"))
            answered = flow.get("answered") != "no"
            row = dict.fromkeys(COLUMNS, 0) | {
                "start": start, "end": start + int(float(flow.get("seconds", "1")) * 1e9), "a_lo": int(ip_address(flow["from"])),
                "b_lo": int(ip_address(flow["to"])) + n * int(flow.get("step", "0")), "a_port": 50000,
                "b_port": int(flow.get("port", "443")) + n * int(flow.get("port_step", "0")), "version": 4,
                "proto": PROTOCOLS[flow.get("protocol", "tcp")], "payload_out": out, "payload_in": back, "bytes_out": out + 400,
                "bytes_in": back + 400 if answered else 0, "packets_out": int(flow.get("packets_out", 3 + out // 1400)),
                "packets_in": int(flow.get("packets_in", 3 + back // 1400)) if answered else 0,
                "tells": sum(TELLS[t] for t in flow.get("tells", "").split()), "size_squares_out": float(flow.get("squares", "0")), "quality": sum(QUALITY[q] for q in flow.get("quality", "").split()),
                "blocked": int(flow.get("blocked", "0")),
            }  # fmt: skip
            if flow.get("name"):
                names[len(rows)] = (flow["name"], "sni")
            rows.append(row)
    columns = {name: np.array([r[name] for r in rows], kind) for name, kind in COLUMNS.items()}
    return FlowTable(columns, names, lookups=lookups(asked or []))


def lookups(asked: list[dict[str, str]]) -> Lookups:
    """DNS questions; `{n}` in a name counts, `{hex}` is the counter's digest."""
    made: list[dict[str, int]] = []
    names: list[str] = []
    for one in asked:
        for n in range(int(one.get("repeat", "1"))):
            text = (
                one["name"]
                .replace("{n}", str(n))
                .replace("{hex}", f"{(n + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251:x}"[:50])
            )
            at = T0 + int((float(one.get("at", "0")) + n * float(one.get("every", "1"))) * 1e9)
            made.append(
                dict.fromkeys(LOOKUP_COLUMNS, 0) | {
                    "at": at, "client_lo": int(ip_address(one["from"])), "server_lo": int(ip_address(one["to"])), "version": 4, "port": 53,
                    "type": int(one.get("type", "1")), "answered": 1, "length": len(text), "size": 40 + len(text), "name": len(names),
                }
            )  # fmt: skip
            names.append(text)
    return Lookups({name: np.array([r[name] for r in made], kind) for name, kind in LOOKUP_COLUMNS.items()}, names)


def devices(case: dict[str, Any]) -> dict[str, DeviceRef]:
    """The devices of a case: 10.0.0.5 is the camera `cam`, further ones as listed."""
    listed = [
        {"device": "cam", "address": "10.0.0.5"} | {k: case[k] for k in ("camera", "maker", "model", "firmware", "restricted") if k in case}
    ]
    found = {}
    for one in [*listed, *case.get("devices", [])]:
        count = int(one.get("count", "1"))
        for n in range(count):
            key = one["device"] + (str(n) if count > 1 else "")
            found[key] = DeviceRef(
                device=key, addresses=(str(ip_address(one["address"]) + n),), maker=one.get("maker", case.get("maker", "Hikvision")) or None,
                model=one.get("model"), firmware=one.get("firmware"), kind=one.get("kind"), restricted=one.get("restricted") == "yes",
                is_camera={"yes": True, "no": False, "unknown": None}[one.get("camera", "yes")],
            )  # fmt: skip
    return found


def rules(case: dict[str, Any]) -> SiteRules:
    """The site's rules of a case."""
    told = case.get("rules", {})
    return SiteRules(
        declared=tuple(case.get("declared", [])), no_internet=told.get("no_internet") == "yes", sensitive=told.get("sensitive") == "yes",
        time_servers=tuple(told.get("time_servers", [])), resolvers=tuple(told.get("resolvers", [])),
    )  # fmt: skip
