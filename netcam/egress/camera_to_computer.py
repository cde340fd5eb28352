"""A camera opens a connection to an office machine.

What it finds
    Conversations that a camera begins with a device that the inventory knows to be no camera, recorder, video system, switch or server,
    or with file sharing, remote desktop, database and login ports of any inside address.
Why it matters
    From the camera in the hall to the file server is the step that an intruder takes.
Example
    A camera opens TCP 445 of a workstation.
Blind spots
    Devices that nobody identified; a camera that stores to a network drive by design must be declared.
References
    Public incident reports of intrusions that went through cameras to file shares.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import LAN, Window

OFFICE = frozenset({"computer", "printer", "phone", "mobile", "television", "media-player"})
"""Kinds of devices that a camera has nothing to do with."""
SENSITIVE = {22: "SSH", 23: "Telnet", 135: "RPC", 139: "NetBIOS", 389: "LDAP", 445: "SMB", 1433: "SQL Server", 3306: "MySQL", 3389: "remote desktop", 5432: "PostgreSQL", 5900: "VNC", 5985: "WinRM"}  # fmt: skip
"""Ports of machines, not of cameras."""
MIN_PACKETS = 3
"""Packets: less is a stray answer."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    kinds = {a: d for d in w.devices if d.is_camera is False for a in d.addresses}
    fires = w.mask(LAN, camera=True) & np.isin(c["proto"], (6, 17)) & (c["pk_up"] >= MIN_PACKETS) & (c["left"] > 0)
    for k in np.flatnonzero(fires).tolist():
        peer = kinds.get(w.label(k))
        service = SENSITIVE.get(int(c["port"][k])) if int(c["proto"][k]) == 6 else None
        office = peer is not None and peer.kind in OFFICE
        if w.ref(k).kind == "recorder" or not (office or service):
            continue
        answered = bool(c["answered"][k])
        opened = service or f"port {int(c['port'][k])}"
        machine = (peer.kind if peer else None) or "machine"
        yield hit(
            w, k, "medium" if service else "low", f"{{device}} opens {opened} of the {machine} at {{to}}",
            f"{int(c['n'][k])} conversations, {size(c['up'][k])} up and {size(c['down'][k])} down, {'answered' if answered else 'not answered'}.",
            strength=(0.8 if service else 0.5) * (1.0 if answered else 0.6), confidence=0.7,
            action="Look at the camera; keep cameras in a network of their own.",
        )  # fmt: skip


DETECTOR = Detector(
    id="camera-to-computer",
    title="A camera opens a connection to an office machine",
    component="lateral",
    detect=detect,
    needs="the camera in the inventory",
)
