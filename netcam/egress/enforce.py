"""A profile as what others enforce: MUD (RFC 8520), an nftables ruleset, a Cisco access list. "What this camera needs and nothing else"."""

from __future__ import annotations

import json
import re
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from netcam.egress.profile import Profile, Rule, ends, literal
from netcam.errors import ConfigError
from netcam.model import rfc3339

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
ANSWERS = "    ct direction reply accept"
"""nftables: answers to what the other side was allowed to begin. Not `established`: a leak that runs already must end, too."""
CACHE_HOURS = 48
"""MUD cache-validity (RFC 8520 section 3.5 allows 1 to 168)."""


def mud(profile: Profile, *, url: str, now: datetime) -> str:
    """A MUD file. Names stay names: the network resolves them. Inside peers become `local-networks`."""
    acls: dict[str, list[dict[str, Any]]] = {}
    for rule in profile.rules:
        if rule.proto not in PROTOCOLS:
            continue
        version = "ipv6" if literal(rule.peer) and ip_address(rule.peer).version == 6 else "ipv4"
        for direction, suffix in (("from-device", "fr"), ("to-device", "to")):
            acls.setdefault(f"mud-{version}-{suffix}", []).append(_ace(rule, version, direction))
    lists = [
        {"name": name, "type": f"{name.split('-')[1]}-acl-type", "aces": {"ace": [a | {"name": f"{name}-{n}"} for n, a in enumerate(aces)]}}
        for name, aces in sorted(acls.items())
    ]
    policies = {
        f"{way}-device-policy": {"access-lists": {"access-list": [{"name": name} for name in sorted(acls) if name.endswith(suffix)]}}
        for way, suffix in (("from", "fr"), ("to", "to"))
    }
    head = {
        "mud-version": 1, "mud-url": url, "last-update": rfc3339(now, "seconds"), "cache-validity": CACHE_HOURS, "is-supported": True,
        "systeminfo": f"{profile.maker} {profile.model} {profile.firmware}".strip()[:60] or "camera",
    }  # fmt: skip
    return json.dumps({"ietf-mud:mud": head | policies, "ietf-access-control-list:acls": {"acl": lists}}, indent=1)


def _ace(rule: Rule, version: str, direction: str) -> dict[str, Any]:
    leaves = direction == "from-device"
    matches: dict[str, Any] = {}
    network: dict[str, Any] = {"protocol": rule.proto}
    if rule.inside:
        matches["ietf-mud:mud"] = {"local-networks": [None]}
    elif literal(rule.peer):
        side = "destination" if leaves else "source"
        network[f"{side}-{version}-network"] = f"{rule.peer}/{32 if version == 'ipv4' else 128}"
    else:
        # the ACL's own augmentation for names (RFC 8520 section 8)
        network[f"ietf-acldns:{'dst' if leaves else 'src'}-dnsname"] = rule.peer
    matches[version] = network
    if rule.proto in (6, 17):
        server_is_peer = rule.way == "to"
        port_side = "destination-port" if leaves == server_is_peer else "source-port"
        port: dict[str, Any] = {port_side: {"operator": "eq", "port": rule.port}}
        if rule.proto == 6:
            port["ietf-mud:direction-initiated"] = "from-device" if server_is_peer else "to-device"
        matches[PROTOCOLS[rule.proto]] = port
    return {"matches": matches, "actions": {"forwarding": "accept"}}


def nftables(profile: Profile, *, resolver: str = "") -> str:
    """A table for the router or bridge before the device: what the profile has passes, all else of the device is counted and dropped.

    Names become the addresses that were seen: a name whose address changes must be refreshed (the comment says which)."""
    if not profile.addresses:
        raise ConfigError("egress profile", "no address of this device is known", "identify it first, or give another device")
    table = f"netcam_{_word(profile.device)}"
    lines = [
        f"# what {_comment(profile.device)} needs and nothing else; learnt from {profile.hours} hours of its traffic",
        f"table inet {table} {{",
    ]
    lines += ["  chain forward {", "    type filter hook forward priority filter; policy accept;"]
    mine = _families(profile.addresses)
    for family, own in mine.items():
        device = f"{{ {', '.join(own)} }}"
        lines.append(f"    {family} saddr {device} goto from_device")
        lines.append(f"    {family} daddr {device} goto to_device")
    lines += ["  }", "  chain from_device {", ANSWERS]
    lines += [line for rule in profile.rules for line in _nft(rule, "to", "daddr", mine)]
    if resolver:
        family = "ip" if ip_address(resolver).version == 4 else "ip6"
        lines += [f"    {family} daddr {resolver} {p} dport 53 accept" for p in ("udp", "tcp")]
    lines += ["    counter drop", "  }", "  chain to_device {", ANSWERS]
    lines += [line for rule in profile.rules for line in _nft(rule, "from", "saddr", mine)]
    lines += ["    counter drop", "  }", "}"]
    return "\n".join(lines) + "\n"


def _nft(rule: Rule, way: str, side: str, mine: dict[str, list[str]]) -> list[str]:
    if rule.way != way or rule.proto not in PROTOCOLS:
        return []
    made = []
    for family, peers in _families(ends(rule)).items():
        if family not in mine:
            continue
        peer = f"{family} {side} {{ {', '.join(peers)} }}"
        what = f"{PROTOCOLS[rule.proto]} dport {rule.port}" if rule.proto in (6, 17) else f"meta l4proto {PROTOCOLS[rule.proto]}"
        made.append(f'    {peer} {what} accept comment "{_comment(rule.peer)}"')
    return made


def cisco(profile: Profile) -> str:
    """Two extended access lists (IOS), for the interface towards the device: in (from the device) and out (to it)."""
    if not profile.addresses:
        raise ConfigError("egress profile", "no address of this device is known", "identify it first, or give another device")
    name = _word(profile.device).upper()
    hosts = [a for a in profile.addresses if ip_address(a).version == 4]
    if not hosts:
        raise ConfigError("egress profile", "the device has no IPv4 address", "use --format nftables, which knows IPv6")
    lines = [
        f"! what {_comment(profile.device)} needs and nothing else; learnt from {profile.hours} hours of its traffic",
        f"ip access-list extended {name}-FROM",
    ]
    out, back = [], []
    for rule in profile.rules:
        if rule.proto not in (1, 6, 17):
            continue
        word = PROTOCOLS[rule.proto]
        for peer in (p for p in ends(rule) if ip_address(p).version == 4):
            for host in hosts:
                port = f" eq {rule.port}" if rule.proto != 1 else ""
                answered = " established" if rule.proto == 6 else ""
                note = f" remark {_comment(rule.peer)}"
                if rule.way == "to":
                    out += [note, f" permit {word} host {host} host {peer}{port}"]
                    back += [f" permit {word} host {peer}{port} host {host}{answered}"]
                else:
                    back += [note, f" permit {word} host {peer} host {host}{port}"]
                    out += [f" permit {word} host {host}{port} host {peer}{answered}"]
    lines += [
        *dict.fromkeys(out),
        *(f" deny ip host {host} any log" for host in hosts),
        f"ip access-list extended {name}-TO",
        *dict.fromkeys(back),
        *(f" deny ip any host {host} log" for host in hosts),
    ]
    return "\n".join(lines) + "\n"


def _families(addresses: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in sorted(set(addresses)):
        ip = ip_address(text.partition("%")[0])
        found.setdefault("ip" if ip.version == 4 else "ip6", []).append(str(ip))
    return found


def _word(text: str) -> str:
    """A name that both firewalls take: letters, digits and _, at most 24."""
    return re.sub(r"[^A-Za-z0-9]", "_", text)[:24] or "device"


def _comment(text: str) -> str:
    """Text of a device for a comment: nothing that ends a line, a string or a rule."""
    return re.sub(r"[^A-Za-z0-9 ._:()/-]", "?", text)[:60]
