"""Every byte of a small evidence bundle changed to other values: `python tests/bench/evidence.py [--values 8]` (255: every value).

Prints one JSON line: how many changes were tried, how many were not found (must be 0), and the time of one check beside that
of hashing the bundle once.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the script of the tests

from netcam.inventory import verify
from tests.inventory.test_evidence import KEY, small


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=8, help="other values of each byte, 1 to 255")
    values = parser.parse_args().values
    bundle = bytearray(small())
    tried = missed = 0
    start = time.perf_counter()
    for at, whole in enumerate(bundle):
        for step in range(values):
            bundle[at] = whole ^ (1 + (at + step) % 255)
            problems = verify.verify(bytes(bundle), KEY.public).problems
            tried += 1
            missed += not any(first <= at < stop for problem in problems for first, stop in problem.ranges)
        bundle[at] = whole
    spent = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(1000):
        hashlib.sha256(bundle).digest()
    once = (time.perf_counter() - start) / 1000
    told = {"bundle_bytes": len(bundle), "changes": tried, "not_found_or_not_located": missed, "check_ms": round(spent / tried * 1000, 3)}
    sys.stdout.write(json.dumps(told | {"times_one_sha256": round(spent / tried / once)}) + "\n")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
