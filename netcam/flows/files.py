"""Any file or folder that tells flows to tables of bounded size: captures, and logs of flows.

Imports what logs need only for logs: a capture is being read while the rest of the program is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from netcam.errors import ContentError
from netcam.flows import capture
from netcam.flows import rows as layout

if TYPE_CHECKING:
    from netcam.flows.table import FlowTable

FINGERPRINT = 1 << 20
"""Bytes of a file by which it is known again, with its size: two captures of a site differ in their first packets."""


def windows(
    path: Path,
    *,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    idle: float = layout.IDLE,
    active: float = 0,
    now: int = 0,
    window_rows: int = 0,
) -> Iterator[FlowTable]:
    """Flows of a file, or of the logs of a folder (Zeek writes one file for each protocol), in tables of bounded size.

    Of a capture reading begins with the call. `now` in ns, for logs that write no year. Raises ContentError where nothing can read it.
    """
    head = b"" if path.is_dir() else capture.beginning(path)
    if capture.recognised(head):
        return capture.windows(path, internal=internal, idle=idle, active=active, window_rows=window_rows)
    from netcam.flows import logs

    return logs.windows(path, head, internal, now)


def is_capture(path: Path) -> bool:
    """Whether a file holds packets. Raises ContentError where it cannot be read."""
    return not path.is_dir() and capture.recognised(capture.beginning(path))


def fingerprint(path: Path) -> str:
    """A name for what a file or folder holds, from its beginning and its size: the same wherever it lies. Raises ContentError."""
    import hashlib

    told = hashlib.sha256()
    try:
        for one in sorted(path.iterdir()) if path.is_dir() else [path]:
            if one.is_file():
                with one.open("rb") as file:
                    told.update(file.read(FINGERPRINT))
                told.update(b"%d " % one.stat().st_size)
    except OSError as error:
        raise ContentError(str(path), error.strerror or "cannot be read", "check its path and permissions") from None
    return told.hexdigest()[:32]
