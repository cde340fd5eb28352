"""The link helper for SADP frames: `python -m netcam.collect.link_sadp INTERFACE TRIES WAIT PAYLOAD`.

It sends the inquiry (EtherType 0x8033, the payload as hex) to everybody on the link TRIES times and prints a JSON line for every frame
of that type that comes back. It refuses any payload that is not the inquiry. Like the ARP helper it needs CAP_NET_RAW for one packet
socket and gives up every privilege after. A camera whose address is of the wrong range answers here all the same.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time

from netcam.collect.link import PACKET_AUXDATA, RECEIVE_BUFFER, SOL_PACKET, drop_privileges, receive

ETHERTYPE = 0x8033
INQUIRY = 3
SHORTEST, LONGEST = 60, 1514
"""Bytes of an Ethernet frame without its check sequence (IEEE 802.3)."""
MAX_HEARD = 1 << 14
"""Frames told of: a link has under a thousand such cameras."""


def allowed(payload: bytes) -> bool:
    """Whether the payload is the inquiry, which changes nothing: its identifier, version, series and operation."""
    return len(payload) == 66 and payload[0] == 0x21 and payload[1] in (1, 2) and payload[2] == 1 and payload[10:12] == bytes([INQUIRY, 0])


def main(argv: list[str]) -> int:
    """Run; exit 2 for any other payload, 3 without the privilege, 4 where the interface is gone."""
    interface, tries, wait, payload = argv[0], int(argv[1]), float(argv[2]), bytes.fromhex(argv[3])
    if not allowed(payload):
        return 2
    try:
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        link.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        link.bind((interface, ETHERTYPE))
    except PermissionError:
        return 3
    except OSError:
        return 4
    link.setblocking(False)
    mac = link.getsockname()[4]
    frame = (b"\xff" * 6 + mac + ETHERTYPE.to_bytes(2, "big") + payload).ljust(SHORTEST, b"\0")
    drop_privileges()
    heard: set[bytes] = set()
    sent = 0

    def summary() -> None:
        sys.stdout.write(json.dumps({"done": True, "sent": sent, "bytes": sent * len(frame)}) + "\n")
        sys.stdout.flush()

    def stop(_signal: int, _frame: object) -> None:
        summary()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # so does the loss of a terminal
    for _ in range(tries):
        try:
            link.send(frame)
            sent += 1
        except OSError:
            continue
        end = time.monotonic() + wait / tries
        while (left := end - time.monotonic()) > 0:
            if not select.select([link], [], [], left)[0]:
                continue
            try:
                data, vlan = receive(link, LONGEST)
            except OSError:
                continue
            if vlan or data[6:12] == mac or data in heard or len(heard) >= MAX_HEARD:
                continue
            heard.add(data)
            sys.stdout.write(json.dumps({"mac": data[6:12].hex(":"), "payload": data[14:].hex()}) + "\n")
        sys.stdout.flush()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    summary()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
