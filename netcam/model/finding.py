"""A rule's verdict on a device, with the text it rests on and what would change it. Unknown is a verdict, never a pass."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Verdict(StrEnum):
    """What a policy says of a device, strongest first."""

    RESTRICTED = "restricted"
    REVIEW = "review"
    ADVISORY = "advisory"
    INFORMATION = "information"
    NOT_MATCHED = "not matched"
    UNKNOWN = "unknown"
    """The device could not be judged; never a pass."""
    NOT_ASSESSED = "not assessed"
    """The device or its network could not be looked at; never a pass."""


_VERDICT_RANK = {
    Verdict.NOT_MATCHED: 0,
    Verdict.INFORMATION: 1,
    Verdict.ADVISORY: 2,
    Verdict.REVIEW: 3,
    Verdict.RESTRICTED: 4,
    # what could not be judged ranks with an advisory: `--fail-on advisory` must not pass over it
    Verdict.UNKNOWN: 2,
    Verdict.NOT_ASSESSED: 2,
}
_SEVERITY_RANK = {"none": 0, "information": 1, "low": 2, "medium": 3, "high": 4}


def verdict_rank(verdict: str) -> int:
    """Rank of a verdict for `--fail-on`, 0..4. Raises ValueError for an unknown word."""
    return _VERDICT_RANK[Verdict(verdict)]


def severity_rank(severity: str) -> int:
    """Rank of a severity on the same 0..4 scale. Raises KeyError for an unknown word."""
    return _SEVERITY_RANK[severity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A published text by title, date and address."""

    id: str
    title: str
    published: str = ""
    url: str = ""
    strength: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One step of the chain that ties a device to a rule: badge -> tell -> maker -> owner."""

    relation: str
    """Such as `badge`, `made by`, `owned by`, `observed`."""
    subject: str
    object: str
    strength: str
    """`high`, `medium` or `low`."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Flows of one device with one peer, port and protocol, summed over the window of a finding."""

    address: str = ""
    """The peer's address, or one of those that its name led to; empty where many peers were folded into one."""
    name: str = ""
    """The peer's name, from a DNS answer or from TLS."""
    port: int = 0
    protocol: int = 6
    """IANA number."""
    way: str = "to outside"
    """Who began it: `to outside`, `from outside`, `to inside` or `from inside`, seen from the device."""
    flows: int = 1
    bytes_out: int | None = None
    """Payload bytes that the device sent; None where the source of the flows does not tell directions apart."""
    bytes_in: int | None = None
    packets_out: int | None = None
    packets_in: int | None = None
    first: str = ""
    """RFC 3339."""
    last: str = ""
    asn: int = 0
    """Number of the peer's autonomous system; 0: not known."""
    country: str = ""
    """Where the peer's block is registered, ISO 3166 alpha-2."""
    community_ids: tuple[str, ...] = ()
    """Community IDs of its largest flows, the largest first; empty where they are not known any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule's verdict on one device. `key` is the same on every run, so a SIEM can fold repeats."""

    rule: str
    """Policy or detector id."""
    kind: str
    """`policy`, `egress`, `firmware` or `coverage`."""
    device: str
    title: str
    verdict: Verdict | None = None
    """Set for policy findings."""
    severity: str = "information"
    """`none`, `information`, `low`, `medium` or `high`."""
    site: str = ""
    subject: str = ""
    """What it is about besides the device: a destination, a CVE id."""
    text: str = ""
    """The sentence for the reader, with the reach of the rule in it."""
    reach: str = ""
    """Whom the text binds, and whether this site is inside."""
    confidence: float = 0.0
    chain: tuple[Link, ...] = ()
    evidence: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    would_change: tuple[str, ...] = ()
    action: str = ""
    good_for: date | None = None
    """The date for which the facts of the rule were checked."""
    stale: bool = False
    """The rule is past its review date."""
    window: tuple[str, str] | None = None
    """RFC 3339 start and end of the traffic it rests on (egress)."""
    score: int | None = None
    """0..100, of the device and destination that the traffic belongs to (egress)."""
    category: str = ""
    """Class of the traffic, such as `signalling`, `live-view`, `covert-channel` (egress)."""
    traffic: tuple[Traffic, ...] = ()
    """The traffic it rests on (egress)."""

    @property
    def key(self) -> str:
        """32 hex digits from rule, site, device and subject."""
        material = "\x1f".join((self.kind, self.rule, self.site, self.device, self.subject))
        return hashlib.sha256(material.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def rank(self) -> int:
        """0..4 for `--fail-on`: the verdict's rank for a policy, else the severity's."""
        return verdict_rank(self.verdict) if self.verdict is not None else severity_rank(self.severity)
