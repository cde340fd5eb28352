"""Every byte of a small evidence bundle changed to other values: `python tests/bench/evidence.py [--values 8] [--workers 1]` (255: every value).

Prints one JSON line: how many changes were tried, how many were not found (must be 0), and the processor time of one check
beside that of hashing the bundle once.
"""

import argparse
import hashlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the script of the tests

from netcam.inventory import verify
from tests.inventory.test_evidence import KEY, small

PIECE = 64
"""Bytes of the bundle that a worker tries at a time: small, so that none is left with the rest."""


def changed(bundle, first, stop, values):
    """Try `values` other values of each byte from `first` to `stop`; returns changes tried, changes missed, processor seconds."""
    altered, tried, missed, start = bytearray(bundle), 0, 0, time.process_time()
    for at in range(first, stop):
        whole = altered[at]
        for step in range(values):
            altered[at] = whole ^ (1 + (at + step) % 255)
            problems = verify.verify(bytes(altered), KEY.public).problems
            tried += 1
            missed += not any(begin <= at < end for problem in problems for begin, end in problem.ranges)
        altered[at] = whole
    return tried, missed, time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=8, help="other values of each byte, 1 to 255")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the work")
    given = parser.parse_args()
    bundle = small()
    assert not verify.verify(bundle, KEY.public).problems
    pieces = [(bundle, first, min(first + PIECE, len(bundle)), given.values) for first in range(0, len(bundle), PIECE)]
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        told = list(pool.map(changed, *zip(*pieces, strict=True)))
    tried, missed, spent = (sum(column) for column in zip(*told, strict=True))
    assert tried == len(bundle) * given.values
    start = time.process_time()
    for _ in range(1000):
        hashlib.sha256(bundle).digest()
    once = (time.process_time() - start) / 1000
    shown = {"bundle_bytes": len(bundle), "changes": tried, "not_found_or_not_located": missed, "check_ms": round(spent / tried * 1000, 3)}
    sys.stdout.write(json.dumps(shown | {"times_one_sha256": round(spent / tried / once)}) + "\n")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
