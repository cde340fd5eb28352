"""snmpd's pass_persist child (snmpd.conf(5)): serves the rows of a JSON file, `[[oid, type, value], ...]` in order, values in hex."""

import bisect
import json
import sys
from pathlib import Path

rows = [(tuple(oid), kind, bytes.fromhex(value)) for oid, kind, value in json.loads(Path(sys.argv[1]).read_text())]
oids = [oid for oid, _, _ in rows]
while line := sys.stdin.readline():
    word = line.strip()
    if word == "PING":
        print("PONG", flush=True)
    elif word in ("get", "getnext"):
        asked = tuple(int(part) for part in sys.stdin.readline().strip().strip(".").split("."))
        at = bisect.bisect_right(oids, asked) if word == "getnext" else bisect.bisect_left(oids, asked)
        if at >= len(rows) or (word == "get" and oids[at] != asked):
            print("NONE", flush=True)
            continue
        oid, kind, value = rows[at]
        shown = " ".join(f"{byte:02x}" for byte in value) if kind == "octet" else value.decode()
        print("." + ".".join(map(str, oid)) + f"\n{kind}\n{shown}", flush=True)
