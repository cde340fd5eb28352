"""Tables for NetBox's bulk import (NetBox 4), one a kind of object, to be imported in the order of their names.

Columns are those of the import forms of NetBox 4.2 and newer (netbox/dcim/forms/bulk_import.py, netbox/ipam/forms/bulk_import.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from netcam.model import Identity
from netcam.report.csv import table

UNKNOWN = "unknown"
"""Manufacturer and model of a device that nothing names: NetBox needs one, and it says what it is."""
INTERFACE = "eth0"
ROLE_COLOR = "607d8b"


def tables(identities: Iterable[Identity]) -> dict[str, str]:
    """File name -> CSV. Names are the same each time, so that a second import changes and does not double."""
    known = sorted(identities, key=lambda one: (one.site, one.device))
    makers = sorted({_maker(one) for one in known})
    models = sorted({(_maker(one), _model(one)) for one in known})
    roles = sorted({one.get("kind") or UNKNOWN for one in known})
    sites = sorted({_site(one) for one in known})
    names = {(one.site, one.device): _name(one) for one in known}
    return {
        "1-manufacturers.csv": table(("name", "slug"), ([name, slug(name)] for name in makers)),
        "2-device-types.csv": table(("manufacturer", "model", "slug", "u_height"), ([maker, model, f"{slug(maker)}-{slug(model)}", "0"] for maker, model in models)),
        "3-device-roles.csv": table(("name", "slug", "color"), ([name, slug(name), ROLE_COLOR] for name in roles)),
        "4-sites.csv": table(("name", "slug", "status"), ([name, slug(name), "active"] for name in sites)),
        "5-devices.csv": table(
            ("name", "role", "manufacturer", "device_type", "site", "status", "serial", "description"),
            (
                [names[one.site, one.device], one.get("kind") or UNKNOWN, _maker(one), _model(one), _site(one), "active", (one.get("serial") or "")[:50], _description(one)]
                for one in known
            ),
        ),
        "6-interfaces.csv": table(("device", "name", "type"), ([names[one.site, one.device], INTERFACE, "other"] for one in known)),
        "7-mac-addresses.csv": table(
            ("mac_address", "device", "interface"), ([mac, names[one.site, one.device], INTERFACE] for one in known for mac in one.macs)
        ),
        "8-ip-addresses.csv": table(
            ("address", "status", "device", "interface", "is_primary"),
            (
                [_host(address), "active", names[one.site, one.device], INTERFACE, "true" if number == 0 else "false"]
                for one in known
                for number, address in enumerate(one.addresses)
                if "%" not in address
            ),
        ),
    }  # fmt: skip


def slug(text: str) -> str:
    """A slug of at most 49 characters; texts that differ only in what a slug cannot hold differ by a digest."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "x"
    return plain if plain == text.lower() else f"{plain}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _maker(one: Identity) -> str:
    return _short(one.get("maker") or UNKNOWN)


def _model(one: Identity) -> str:
    return _short(one.get("model") or UNKNOWN)


def _site(one: Identity) -> str:
    return _short(one.site or UNKNOWN)


def _short(text: str, limit: int = 100) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:limit])


def _name(one: Identity) -> str:
    """At most 64 characters, the same each time."""
    plain = f"{one.site}-{one.device}" if one.site else one.device
    return (
        _short(plain, 64) if len(plain) <= 64 else f"{_short(plain, 55)}-{hashlib.sha256(plain.encode('utf-8', 'replace')).hexdigest()[:8]}"
    )


def _description(one: Identity) -> str:
    words = [f"badge {one.get('brand')}" if one.get("brand") else "", f"firmware {one.get('firmware')}" if one.get("firmware") else ""]
    words += [f"maker sure to {one.confidence['maker']:.2f}" if "maker" in one.confidence else "maker unknown"]
    return _short("; ".join(word for word in words if word), 200)


def _host(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"
