"""Writes what crosses the estate's bridge to a pcap file (classic format, microseconds, Ethernet)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from pathlib import Path

from netcam.errors import ConfigError

SNAPLEN = 65_535
_ETH_P_ALL = 0x0003


class Recorder:
    """A thread that copies every frame of an interface into a file until it is closed."""

    def __init__(self, interface: str, path: Path) -> None:
        """Raises ConfigError where the file cannot be written."""
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise ConfigError(str(path), error.strerror or "cannot be written", "choose another file with --pcap") from None
        self._file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, 1))
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
        self._socket.bind((interface, _ETH_P_ALL))
        # the bridge's own device shows what the sensor sends and hears; what passes between ports needs promiscuous mode
        self._socket.setsockopt(
            263, 1, struct.pack("iHH8s", socket.if_nametoindex(interface), 1, 0, b"")
        )  # SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC
        self._socket.settimeout(0.2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lab-recorder", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                frame = self._socket.recv(SNAPLEN)
            except TimeoutError:
                continue
            except OSError:
                return
            at = time.time()
            self._file.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame)

    def close(self) -> None:
        """Stop and write the file out."""
        self._stop.set()
        self._thread.join(2)
        with contextlib.suppress(OSError):
            self._socket.close()
        self._file.close()
