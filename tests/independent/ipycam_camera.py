"""Run as a program: ipycam's WS-Discovery and ONVIF device service at an address, port 80, without an account, as it comes."""

from __future__ import annotations

import http.server
import sys
import types


class _Absent(types.ModuleType):
    """OpenCV, which only ipycam's video part uses and which is not run here."""

    def __getattr__(self, name: str) -> object:
        return _Absent(name) if name[:1].isupper() else 0


sys.modules["cv2"] = _Absent("cv2")

from ipycam.config import CameraConfig  # noqa: E402
from ipycam.discovery import WSDiscoveryServer  # noqa: E402
from ipycam.http import IPCameraHTTPHandler  # noqa: E402
from ipycam.onvif import ONVIFService  # noqa: E402


def main() -> None:
    config = CameraConfig(name="Yard camera", manufacturer="Example Maker", model="IPY-1", firmware_version="1.2.3", serial_number="SN42")
    config.local_ip, config.onvif_port = sys.argv[1], 80
    service = ONVIFService(config)
    IPCameraHTTPHandler.camera = types.SimpleNamespace(config=config, onvif=service)  # type: ignore[assignment]
    WSDiscoveryServer(service).start()
    http.server.ThreadingHTTPServer((sys.argv[1], 80), IPCameraHTTPHandler).serve_forever()


if __name__ == "__main__":
    main()
