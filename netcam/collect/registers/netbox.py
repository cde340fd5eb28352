"""Entries of a NetBox (REST API, `/api/dcim/devices/`): read-only, page by page, never further than the address that was given."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from netcam import wire
from netcam.collect.credentials import Secret
from netcam.collect.importers import source
from netcam.collect.importers.jsonlines import sub, text
from netcam.collect.importers.source import Problem
from netcam.collect.registers.entry import Entry
from netcam.errors import ConfigError, ContentError, shown
from netcam.protocols import decoding

PAGE = 250
"""Devices of one page; NetBox allows 1,000 by default."""
MAX_PAGE = 32 << 20
"""Bytes of one page: 250 devices with all their fields take 1 MB."""
MAX_DEVICES = 2_000_000
MACS_AT_ONCE = 50
"""Devices whose interfaces are asked for in one request: the query stays under 1 kB."""
TIMEOUT = 60.0
Fetch = Callable[[str], bytes]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect would carry the token elsewhere."""


def fetcher(url: str, token: Secret, *, clear: bool) -> Fetch:
    """Asks `url` with the token. Raises ConfigError for an address that the token must not be sent to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError("NetBox", f"{shown(url)} is no http(s) address", "write https://netbox.example.org")
    if parts.scheme == "http" and not clear and not _own(parts.hostname):
        raise ConfigError("NetBox", "the token would be sent in clear", "use https, or allow it: credentials_in_clear of the site")
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    # tokens of the second kind (NetBox 4.5) carry their prefix
    scheme = "Bearer" if token.reveal().startswith("nbt_") else "Token"

    def fetch(path: str) -> bytes:
        request = urllib.request.Request(url.rstrip("/") + path, headers={"Accept": "application/json"})  # noqa: S310 - checked above
        request.add_unredirected_header("Authorization", f"{scheme} {token.reveal()}")
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                data: bytes = answer.read(MAX_PAGE + 1)
        except urllib.error.HTTPError as error:
            error.close()
            cure = "check the token and what it may read" if error.code in (401, 403) else "check the address"
            raise ContentError(f"{url}{path.partition('?')[0]}", f"answers {error.code}", cure) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ContentError(url, f"cannot be reached: {shown(str(reason))}", "check address and network") from None
        if len(data) > MAX_PAGE:
            raise ContentError(url, f"a page of more than {MAX_PAGE} bytes", "is this a NetBox?")
        return data

    return fetch


def _own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def entries(fetch: Fetch, query: Sequence[tuple[str, str]], problems: list[Problem]) -> Iterator[Entry]:
    """Every device that `query` selects (such as role=camera), with the MACs of its interfaces. Raises ContentError."""
    for offset in range(0, MAX_DEVICES, PAGE):
        found = _page(fetch, "/api/dcim/devices/", [*query, ("limit", str(PAGE)), ("offset", str(offset))])
        results = found.get("results")
        if not isinstance(results, list):
            raise ContentError("NetBox", "answers no list of devices", "check the address: it is the one before /api/")
        devices = [one for one in results[:PAGE] if isinstance(one, dict) and text(one.get("id"))]
        macs: dict[str, str] = {}
        for begin in range(0, len(devices), MACS_AT_ONCE):
            macs |= _macs(fetch, [text(one["id"]) for one in devices[begin : begin + MACS_AT_ONCE]])
        for one in devices:
            yield from _entry(one, macs.get(text(one["id"]), ""), problems)
        if len(results) < PAGE or not found.get("next"):
            return


def _page(fetch: Fetch, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    try:
        read = msgspec.json.decode(fetch(f"{path}?{urlencode(query)}"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ContentError("NetBox", f"{path} answers no JSON", "check the address: it is the one before /api/") from None
    if not isinstance(read, dict):
        raise ContentError("NetBox", f"{path} answers no object", "check the address: it is the one before /api/")
    return read


def _macs(fetch: Fetch, ids: Sequence[str]) -> dict[str, str]:
    """Device id -> the first MAC of its interfaces; NetBox 4.2 and later hold it in an object of its own."""
    found = _page(fetch, "/api/dcim/interfaces/", [*(("device_id", one) for one in ids), ("limit", "1000")])
    macs: dict[str, str] = {}
    for one in found.get("results") if isinstance(found.get("results"), list) else ():  # type: ignore[union-attr]
        mac = wire.normal_mac(text(sub(one, "primary_mac_address", "mac_address")) or text(sub(one, "mac_address")))
        if mac:
            macs.setdefault(text(sub(one, "device", "id")), mac)
    return macs


def _entry(one: dict[str, Any], mac: str, problems: list[Problem]) -> Iterator[Entry]:
    def line(*path: str) -> str:
        return decoding.line(text(sub(one, *path)), 255)

    made = Entry(
        where=f"netbox:device/{line('id')}", id=line("asset_tag"), name=line("name"), mac=mac, serial=line("serial"),
        address=source.address(line("primary_ip", "address").partition("/")[0]), maker=line("device_type", "manufacturer", "name"),
        model=line("device_type", "model"),
    )  # fmt: skip
    if made.address or made.mac or made.serial:
        yield made
    else:
        problems.append(Problem(0, f"{made.where} ({made.name or 'without a name'}): no address, MAC or serial number"))
