"""Any file or folder that tells flows to tables of bounded size: captures, and logs of flows.

Imports what logs need only for logs: a capture is being read while the rest of the program is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from netcam.flows import capture
from netcam.flows import rows as layout

if TYPE_CHECKING:
    from netcam.flows.table import FlowTable


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
