"""Claims that fingerprints make about a device, and the identity they resolve to. Brand is the badge, maker built it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netcam.model.observation import Observation

SLOTS = ("kind", "brand", "maker", "model", "firmware", "serial", "component", "hardware")
"""The questions an identity answers. `component` (chip, SDK) never becomes the maker."""

PUBLISHED = "published-relation"
"""Origin of a claim for the maker that rests on what is published of the badge, and on nothing of the maker's own on the device."""

KINDS = (
    "camera",
    "recorder",
    "encoder",
    "decoder",
    "intercom",
    "access-control",
    "alarm",
    "nas",
    "vms",
    "switch",
    "router",
    "access-point",
    "phone",
    "mobile",
    "printer",
    "television",
    "media-player",
    "speaker",
    "computer",
    "server",
    "bmc",
    "ups",
    "plc",
    "iot",
    "lighting",
    "other",
)
"""What a device is. `recorder` covers NVR, DVR and hybrid; `encoder` a video server with analogue inputs."""

CAMERA_KINDS = frozenset({"camera", "recorder", "encoder"})
"""Kinds for which `is_camera` is true: the devices that make or keep surveillance video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Fingerprint `by` says slot = value, because of these observations."""

    slot: str
    value: str
    weight: float
    """0..1, how far this one signal alone is trusted."""
    by: str
    """Fingerprint id, `<maker>/<name>`."""
    origin: str = ""
    """Signals of one origin (one certificate, one web page, one MAC) do not strengthen each other."""
    because: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The best value per slot with its confidence, what it rests on, and the claims that lost. An absent slot is unknown."""

    device: str
    slots: Mapping[str, str] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)
    """0..1 per filled slot."""
    because: tuple[Claim, ...] = ()
    """All claims that agree with the resolved values, strongest first."""
    disputed: tuple[Claim, ...] = ()
    """Claims for another value of a filled slot, strongest first."""
    addresses: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    site: str = ""
    mac_registrant: str = ""
    """IEEE registrant of the MAC prefix: whose network chip it is, not who made the device."""
    unknown_fields: tuple[str, ...] = ()
    """Fields of the observations that no protocol defines; kept, never dropped silently."""
    catalog: str = ""
    """Digest of the content that judged."""
    locked: tuple[str, ...] = ()
    """Slots whose value is the operator's word, not what was observed."""

    @property
    def is_camera(self) -> bool | None:
        """True for CAMERA_KINDS, False for any other kind, None where the kind is unknown."""
        kind = self.slots.get("kind")
        return None if kind is None else kind in CAMERA_KINDS

    def get(self, slot: str) -> str | None:
        """The resolved value of `slot`, or None where unknown."""
        return self.slots.get(slot)
