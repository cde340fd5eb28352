"""Run as a program: ipycam's own ONVIF service on a loopback port, with the account of the command line; prints the port, then each action."""

from __future__ import annotations

import sys
import types
from http.server import ThreadingHTTPServer


class _Absent(types.ModuleType):
    """OpenCV, which only ipycam's video part uses and which is not run here."""

    def __getattr__(self, name: str) -> object:
        return 0


for absent in ("cv2",):
    sys.modules[absent] = _Absent(absent)

from ipycam.config import CameraConfig  # noqa: E402
from ipycam.http import IPCameraHTTPHandler  # noqa: E402
from ipycam.onvif import ONVIFService  # noqa: E402


def main(user: str, password: str) -> None:
    config = CameraConfig()
    config.manufacturer, config.model, config.firmware_version, config.serial_number = "Example Maker", "IPY-1", "1.2.3", "SN42"
    config.set_credentials(user, password)

    class Handler(IPCameraHTTPHandler):
        camera = types.SimpleNamespace(config=config, onvif=ONVIFService(config))

        def handle_onvif(self) -> None:
            super().handle_onvif()

        def log_message(self, format: str, *args: object) -> None:
            print(format % args, flush=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    config.local_ip, config.onvif_port = "127.0.0.1", server.server_address[1]
    print(server.server_address[1], flush=True)
    server.serve_forever()


main(*sys.argv[1:3])
