"""Run inside the lab: one working day of a site in quick motion, without netcam. A management system, an office PC and an installer's tools ask
the cameras as they do every day; the devices answer."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import time
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor

from netcam.lab import scenario as scenarios

SEARCHES = {
    "an office PC looks for UPnP devices": (
        ("239.255.255.250", 1900), b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n',
    ),
    "the management system looks for ONVIF devices": (
        ("239.255.255.250", 3702),
        (
            '<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
            'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><e:Header>'
            f"<w:MessageID>uuid:{uuid.uuid4()}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
            "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header><e:Body><d:Probe>"
            "<d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"
        ).encode(),
    ),
    "an installer opens one maker's search tool": (
        ("239.255.255.250", 37020),
        f'<?xml version="1.0" encoding="utf-8"?><Probe><Uuid>{str(uuid.uuid4()).upper()}</Uuid><Types>inquiry</Types></Probe>'.encode(),
    ),
    "a tablet looks for web servers": (
        ("224.0.0.251", 5353), struct.pack(">6H", 0, 0, 1, 0, 0, 0) + b"\x05_http\x04_tcp\x05local\x00" + struct.pack(">HH", 12, 1),
    ),
}  # fmt: skip


def search(group: tuple[str, int], question: bytes, near: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect((near, 9))
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(route.getsockname()[0]))
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        if group[1] in (37020, 5353):
            asking.bind(("", group[1]))  # these answer to the group's port
        asking.settimeout(0.3)
        for _ in range(2):
            asking.sendto(question, group)
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                try:
                    asking.recv(65535)
                except TimeoutError:
                    continue


def ask(address: str, port: int, request: str, tls: bool = False) -> None:
    try:
        with socket.create_connection((address, port), 1.0) as plain:  # noqa: TID251 - these are the others
            plain.settimeout(2.0)
            line: socket.socket = plain
            if tls:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                    context.minimum_version = ssl.TLSVersion.TLSv1
                context.set_ciphers("ALL:@SECLEVEL=0")
                line = context.wrap_socket(plain, server_hostname=None)
            line.sendall(request.format(address=address).encode())
            while line.recv(65536):
                pass
    except (OSError, ssl.SSLError):
        return


def visit(address: str) -> None:
    """What the management system (RTSP) and somebody's browser ask of one camera in a day."""
    ask(address, 554, "DESCRIBE rtsp://{address}:554/ RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n")
    page = "GET / HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n"
    for port in (80, 8080):
        ask(address, port, page)
    ask(address, 443, page, tls=True)


def main(name: str) -> None:
    scenario = scenarios.load(name)
    for group, question in SEARCHES.values():
        search(group, question, scenario.address(scenario.devices[0]))
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(visit, [scenario.address(one) for one in scenario.devices]))
    time.sleep(0.5)


main(sys.argv[1])
