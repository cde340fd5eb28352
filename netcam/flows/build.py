"""From a walk's rows to a table of columns."""

from __future__ import annotations

import numpy as np

from netcam.flows import walker
from netcam.flows.names import Namer
from netcam.flows.table import COLUMNS, FlowTable


def table(walk: walker.Walk, namer: Namer) -> FlowTable:
    """The rows of `walk` in order of their start, with names and counters."""
    used = int(walk.used[0])
    rows = walk.rows[:used]
    order = np.argsort(rows[:, walker.START], kind="stable")
    names = namer.names(rows)
    rank = np.empty(used, np.int64)
    rank[order] = np.arange(used)
    r = rows[order]
    columns = {
        "start": r[:, walker.START], "end": r[:, walker.END], "a_hi": r[:, walker.A_HI], "a_lo": r[:, walker.A_LO],
        "b_hi": r[:, walker.B_HI], "b_lo": r[:, walker.B_LO], "a_port": r[:, walker.PORTS] >> 16, "b_port": r[:, walker.PORTS] & 0xFFFF,
        "proto": r[:, walker.PROTO], "version": r[:, walker.VERSION], "a_mac": r[:, walker.A_MAC], "b_mac": r[:, walker.B_MAC],
        "packets_out": r[:, walker.P_OUT], "packets_in": r[:, walker.P_IN], "bytes_out": r[:, walker.B_OUT], "bytes_in": r[:, walker.B_IN],
        "payload_out": r[:, walker.L_OUT], "payload_in": r[:, walker.L_IN], "flags_out": r[:, walker.FLAGS] & 0xFF,
        "flags_in": r[:, walker.FLAGS] >> 8, "vlan": r[:, walker.VLAN],
    }  # fmt: skip
    typed = {name: column.astype(COLUMNS[name]) for name, column in columns.items()}
    counters = {name: int(walk.counters[n]) for n, name in enumerate(walker.COUNTERS)}
    made = FlowTable(typed, {int(rank[n]): name for n, name in names.items()}, counters)
    if used:
        made.window = (int(r[:, walker.START].min()), int(r[:, walker.END].max()))
    if counters["table_full"]:
        made.notes.append(f"{counters['table_full']} packets of further conversations did not fit the table of {walker.MAX_FLOWS} flows")
    return made
