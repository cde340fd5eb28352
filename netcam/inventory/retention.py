"""What is kept for how long: the policy, what a run of it removed, and whose addresses are not kept at all."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from netcam.errors import ConfigError
from netcam.identify.marks import is_local
from netcam.model import Finding, Identity

PEOPLES_KINDS = frozenset({"phone", "mobile", "computer", "television", "media-player", "speaker"})
"""Devices that stand for a person: where one of these is, its owner is."""
PSEUDONYM_KEY = "pseudonym.key"
"""File beside the inventory that holds the secret of hashed names: without it nobody can tell whose they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Days after which things go; None keeps them for ever. What a present identity rests on never goes, first sightings neither."""

    repeats_days: int | None = 90
    """Between the first and the last sighting of the same fact the repeats go, and identities that only saw it again."""
    facts_days: int | None = None
    """Facts that no present identity rests on."""
    raw_days: int | None = 365
    """Whole answers that no present identity rests on; what was read from them stays."""
    coverage_days: int | None = 365
    """What became of each address, but for a site's newest finished scan."""
    people_days: int | None = 30
    """Addresses and names of people's devices, counted from when they were last seen; a keyed hash and the kind stay."""
    max_bytes: int | None = None
    """Above this size repeats and whole answers go earlier, down to `least_days`."""
    least_days: int = 7
    """Nothing goes by size that is younger."""

    def __post_init__(self) -> None:
        """Raise ConfigError for a number that would empty the store by mistake."""
        for name in ("repeats_days", "facts_days", "raw_days", "coverage_days", "people_days", "least_days"):
            days = getattr(self, name)
            if days is not None and not 1 <= days <= 36_500:
                raise ConfigError(
                    name, f"{days} is not between 1 and 36500 days", "give a number of days, or leave it out to keep for ever"
                )
        if self.max_bytes is not None and self.max_bytes < 1024 * 1024:
            raise ConfigError("max_bytes", f"{self.max_bytes} is less than a megabyte", "an empty inventory takes a fifth of one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What a run removed, or would remove."""

    observations: int = 0
    identities: int = 0
    findings: int = 0
    raws: int = 0
    coverage: int = 0
    people: int = 0
    """People's devices whose addresses went."""
    bytes_before: int = 0
    bytes_after: int = 0
    """Bytes in use; of a dry run, an estimate."""
    notes: tuple[str, ...] = ()


_PACKETS = re.compile(r"^packets: .{1,300} SHA-256 ([0-9a-f]{64}), from ")


def named_packets(finding: Finding) -> list[str]:
    """Digests of the captures that a finding's evidence names; the inventory keeps them as long as the finding stands."""
    return [match[1] for line in finding.evidence if (match := _PACKETS.match(line))]


def is_persons(identity: Identity) -> bool:
    """Whether a device stands for a person: by its kind, or unknown with nothing but made-up MACs, as phones have."""
    kind = identity.get("kind")
    if kind is not None:
        return kind in PEOPLES_KINDS
    return bool(identity.macs) and all(is_local(mac) for mac in identity.macs) and not identity.get("maker") and not identity.get("brand")


def pseudonym_key(home: Path) -> bytes:
    """The secret of hashed names, made where there is none. Raises ConfigError."""
    path = home / PSEUDONYM_KEY
    try:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(secrets.token_bytes(32))
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be read", "check the folder and its permissions") from None
    if len(key) != 32:
        raise ConfigError(str(path), "is not 32 bytes", "restore it, or remove it: hashed names will differ from then on")
    return key


def pseudonym(key: bytes, site: str, device: str) -> str:
    """The hashed name of a device: the same for the same device as long as the key is kept."""
    told = hmac.new(key, f"{len(site)}:{site}{device}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"hashed-{told.hexdigest()[:20]}"
