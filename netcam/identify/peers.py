"""What recog and nmap say of the same banners, where their fingerprints are installed: a measure of ours, never a source of claims.

Both know services by what one service says; a corpus keeps the parts of an answer apart, so HTTP and RTSP answers are put together
again from status, server, realm and title before nmap's patterns see them.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netcam.model import Observation

NMAP = Path("/usr/share/nmap/nmap-service-probes")
RECOG = ("/usr/share/recog/xml", "/var/lib/gems/*/gems/recog-*/recog/xml", "/usr/local/share/recog/xml")
MAX_FILE = 32 * 1024 * 1024
"""Bytes of a peer's file; nmap's has 2.5 MB."""
_FIELDS = {
    "http_servers": "http.server", "html_title": "http.title", "http_wwwauth": "http.realm", "rtsp_servers": "rtsp.server",
    "x509_subjects": "tls.subject", "x509_issuers": "tls.issuer", "snmp_sysdescr": "snmp.sysdescr", "snmp_sysobjid": "snmp.sysobjectid",
    "telnet_banners": "telnet.banner", "ftp_banners": "ftp.banner", "ssh_banners": "ssh.banner", "smtp_banners": "smtp.banner",
    "dhcp_vendor_class": "dhcp.vendor_class", "favicons": "http.favicon_md5",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Peer:
    """Another program's fingerprints: service or field -> pattern and the words it answers with."""

    name: str
    tests: dict[str, list[tuple[re.Pattern[str], str]]]

    @property
    def size(self) -> int:
        """How many patterns there are."""
        return sum(map(len, self.tests.values()))

    def says(self, seen: Sequence[Observation]) -> list[str]:
        """What it says of a device, in words."""
        asked = _answers(seen) if self.name == "nmap" else [(o.field, _quoted(o)) for o in seen]
        told = []
        for key, value in asked:
            for pattern, words in self.tests.get(key, ()):
                if (found := pattern.search(value)) is not None:
                    told.append(_filled(words, found))
                    break
        return told


def _filled(words: str, found: re.Match[str]) -> str:
    """The words of an answer with what the pattern captured in their places."""

    def group(place: re.Match[str]) -> str:
        name = place[1] or place[2]
        try:
            return found[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return re.sub(r"\$(\d)|\{(\w+)\}", group, words)


def _quoted(seen: Observation) -> str:
    """A value as recog's patterns want it: a challenge whole, a greeting without its code."""
    if seen.field == "http.realm":
        return f'Basic realm="{seen.value}"'
    return re.sub(r"\A\d{3}[ -]", "", seen.value) if seen.field in ("ftp.banner", "smtp.banner") else seen.value


def _answers(seen: Iterable[Observation]) -> Iterator[tuple[str, str]]:
    by: dict[str, str] = {}
    for one in seen:
        by.setdefault(one.field, one.value)
    for service, start in (("http", "HTTP/1.0"), ("rtsp", "RTSP/1.0")):
        server, realm, title = by.get(f"{service}.server"), by.get(f"{service}.realm"), by.get(f"{service}.title")
        if server or realm or title:
            status = "401 Unauthorized" if realm else "200 OK"
            told = (
                f"{start} {status}\r\n"
                + (f"Server: {server}\r\n" if server else "")
                + (f'WWW-Authenticate: Basic realm="{realm}"\r\n' if realm else "")
            )
            yield (
                service,
                f"{told}\r\n"
                + (f"<html><head><title>{title}</title></head>" if title else by.get("http.body", "") if service == "http" else ""),
            )
    for name in ("telnet", "ftp", "ssh", "smtp"):
        if banner := by.get(f"{name}.banner"):
            yield name, banner if banner.endswith("\n") else f"{banner}\r\n"


def nmap(path: Path = NMAP) -> Peer | None:
    """nmap's service patterns, where nmap is installed."""
    if not path.is_file() or path.stat().st_size > MAX_FILE:
        return None
    tests: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for line in path.read_text("latin-1").splitlines():
        parts = re.match(r"(?:soft)?match (\S+) m(.)(.*?)\2([si]*)(?: (.*))?$", line)
        if parts is None or parts[1] not in ("http", "rtsp", "telnet", "ftp", "ssh", "smtp"):
            continue
        words = " ".join(re.findall(r"(?:^| )[pd]/([^/]*)/", parts[5] or ""))
        flags = (re.DOTALL if "s" in parts[4] else 0) | (re.IGNORECASE if "i" in parts[4] else 0)
        if words and (pattern := _compiled(parts[3], flags)) is not None:
            tests.setdefault(parts[1], []).append((pattern, words))
    return Peer("nmap", tests)


def recog(folder: Path | None = None) -> Peer | None:
    """recog's fingerprints, from `folder` or where the gem puts them."""
    places = [folder] if folder is not None else [p for spot in RECOG for p in sorted(Path("/").glob(spot.lstrip("/")))]
    place = next((p for p in places if p.is_dir()), None)
    if place is None:
        return None
    tests: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for name, field in _FIELDS.items():
        path = place / f"{name}.xml"
        if not path.is_file() or path.stat().st_size > MAX_FILE:
            continue
        for block in re.findall(r"<fingerprint\b.*?</fingerprint>", path.read_text("utf-8", "replace"), re.S):
            head = re.search(r'pattern="([^"]*)"', block)
            vendors = re.findall(r'name="(?:hw|os|service)\.(?:vendor|product|device)"\s+value="([^"]*)"', block)
            flags = re.IGNORECASE if "REG_ICASE" in block else 0
            if head and vendors and (pattern := _compiled(html.unescape(head[1]), flags)) is not None:
                tests.setdefault(field, []).append((pattern, html.unescape(" ".join(vendors))))
    return Peer("recog", tests)


def _compiled(pattern: str, flags: int) -> re.Pattern[str] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their patterns, written for another engine
        try:
            return re.compile(pattern, flags)
        except (re.error, OverflowError):
            return None
