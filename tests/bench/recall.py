"""Recall on the `mixed` scenario of 300 cameras, without loss and with a tenth of all packets lost both ways, against the limits 100 % and 99.5 %."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "estate"))
from recall import legs, sweep, told

from netcam.lab.scenario import load


def main() -> None:
    failed = False
    for loss, least in ((False, 1.0), (True, 0.995)):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            swept = sweep("mixed", Path(folder), loss=loss, timeout=600)
        recall = 1 - len(swept.missing()) / len(swept.truth)
        wanted = [(t, slot) for t in swept.truth if t["is_camera"] for slot in told(t)]
        wrong = [(t, slot) for t, slot in wanted if not swept.of(t) or swept.of(t)[0][slot] != t[slot]]
        lost = f"{sum(swept.dropped)} packets lost on {len(swept.dropped) // 2} ports" if loss else "no loss"
        print(
            f"{lost}: {len(swept.truth)} devices, recall {recall:.4f} (limit {least}), doubles {len(swept.doubles())}, merged {len(swept.merged())},"
            f" strange {len(swept.strange(legs(load('mixed'))))}, slots {len(wanted) - len(wrong)}/{len(wanted)}, {time.monotonic() - began:.0f} s"
        )
        for address in swept.missing():
            print(f"  missing {address}")
        for one, slot in wrong[:20]:
            told_of = swept.of(one)[0][slot] if swept.of(one) else None
            print(f"  {one['address']} {one['name']}: {slot} is {one[slot]!r}, told {told_of!r}")
        failed |= recall < least or bool(swept.doubles() or swept.merged())
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
