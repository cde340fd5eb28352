"""The records that travel along the spine. Standard library only; immutable; a new field has a default."""

from netcam.model.difference import Difference
from netcam.model.finding import Citation, Finding, Link, Traffic, Verdict, severity_rank, verdict_rank
from netcam.model.identity import CAMERA_KINDS, KINDS, PUBLISHED, SLOTS, Claim, Identity
from netcam.model.observation import Fact, Observation
from netcam.model.order import address_order
from netcam.model.scan import Coverage, CoverageState, ScanRecord, not_looked_at
from netcam.model.site import JURISDICTIONS, LINKS, SITE_CLASSES, Site
from netcam.model.times import rfc3339

__all__ = [
    "CAMERA_KINDS",
    "JURISDICTIONS",
    "KINDS",
    "LINKS",
    "PUBLISHED",
    "SITE_CLASSES",
    "SLOTS",
    "Citation",
    "Claim",
    "Coverage",
    "CoverageState",
    "Difference",
    "Fact",
    "Finding",
    "Identity",
    "Link",
    "Observation",
    "ScanRecord",
    "Site",
    "Traffic",
    "Verdict",
    "address_order",
    "not_looked_at",
    "rfc3339",
    "severity_rank",
    "verdict_rank",
]
