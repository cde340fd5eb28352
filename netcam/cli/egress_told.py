"""What the commands of `netcam egress` print: windows as they come, findings, the packets kept for them, and the sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcam.cli import output
from netcam.cli.scan import show_findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netcam.flows.proof import Proof
    from netcam.flows.table import FlowTable
    from netcam.model import Finding, Identity


MAX_NOTES = 1000
"""Notes of a watch that are kept for its end: one of months says something new in every window."""


class Told:
    """Prints windows as they come, and the sum at the end."""

    def __init__(self, where: str, format_: output.Format, flows: bool) -> None:
        self._where, self._table, self._flows = where, output.wants_table(format_), flows
        self._counters: dict[str, int] = {}
        self._notes: list[str] = []
        self._rows = self._windows = 0
        self._origin = ""
        self.only: FlowTable | None = None

    def note(self, text: str) -> None:
        """Say something at the end too."""
        if text:
            self._notes = [*self._notes[-(MAX_NOTES - 1) :], text]

    def window(self, table: FlowTable) -> None:
        """Print the flows of a window where they are wanted, and add its counters."""
        self._windows += 1
        self._rows += len(table)
        self.only = table if self._windows == 1 else None
        self._origin = table.origin or self._origin
        for name, count in table.counters.items():
            self._counters[name] = self._counters.get(name, 0) + count
        fresh = [note for note in table.notes if note not in self._notes]
        self._notes += fresh[: min(100, MAX_NOTES - len(self._notes))]
        if not self._flows:
            return
        if not self._table:
            output.each({"type": "flow"} | flow.record() for flow in table)
            return
        columns = ("start", "source", "destination", "protocol", "name", "bytes_out", "bytes_in", "packets")
        rows = [[str(r.get(c, "")) for c in columns] for r in (f.record() for f in table)]
        output.console().print(output.table(f"Flows in {self._where}", columns, rows))

    def proof(self, key: str, kept: Proof) -> None:
        """Print what was kept for a finding that has been told."""
        if self._table:
            self.note(kept.line)
            return
        told = {"type": "proof", "finding": key, "file": kept.name, "packets": kept.packets, "seen": kept.seen, "sha256": kept.digest}
        output.line(told)

    def findings(self, found: Sequence[Finding], identities: Sequence[Identity]) -> None:
        """Print findings of a watch that goes on."""
        from netcam import wire

        if not self._table:
            output.each({"type": "finding"} | wire.finding_record(f) for f in found)
        elif found:
            show_findings(found, identities, heading=f"Egress findings in {self._where}")

    def end(self, found: Sequence[Finding], identities: Sequence[Identity]) -> None:
        """Print the findings, the counters of the reading and the notes."""
        from netcam import wire

        if self.only is not None:
            self._counters |= self.only.counters
            self._notes += [note for note in self.only.notes if note not in self._notes]
        if not self._table:
            output.each({"type": "finding"} | wire.finding_record(f) for f in found)
            output.line(
                {"type": "capture", "source": self._where, "flows": self._rows, "windows": self._windows, "counters": self._counters,
                 "networks": self._origin or None, "notes": self._notes}
            )  # fmt: skip
            return
        console = output.console()
        show_findings(found, identities, heading=f"Egress findings in {self._where}")
        counted = ", ".join(f"{k} {v}" for k, v in self._counters.items() if v)
        console.print(output.escaped(f"{self._where}: {self._rows} flows; {counted}", limit=2000))
        if self._origin:
            console.print(output.escaped(f"networks and countries by {self._origin}", limit=200))
        for note in self._notes:
            console.print(output.escaped(f"note: {note}", limit=2000))
