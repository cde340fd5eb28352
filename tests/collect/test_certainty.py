"""A device that has left no doubt what it is gets no further questions, unless the profile asks everything; packets are counted as sent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from netcam.collect import driver
from netcam.collect.discover import Found, Heard, kinds
from netcam.collect.gate import Gate, StopSwitch
from netcam.collect.pace import Rates
from netcam.collect.plan import PROFILES, Plan, SweepRequest
from netcam.collect.probe import Prober
from netcam.model import Observation
from netcam.pipeline.content import Content
from netcam.pipeline.sweeping import certain
from netcam.protocols import http, onvif
from netcam.protocols.registry import discoveries
from tests.identify import shipped

FAST = Rates(conversations_per_second=1000, conversations_per_device=1000, half_open=32)


def asked(folder: Path, *, profile: str, sure: bool) -> tuple[list[str], list[list[Heard]], int]:
    """Request lines that a device was sent, what was known when certainty was asked about, and packets counted for a closed port."""
    lines: list[str] = []
    before: list[list[Heard]] = []

    async def device(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await reader.readuntil(b"\r\n")).decode().strip())
        writer.write(b"HTTP/1.1 200 OK\r\nServer: App-webs/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    def certain(_: str, heard: list[Heard]) -> bool:
        before.append(list(heard))
        return sure

    async def run() -> int:
        server = await asyncio.start_server(device, "127.0.0.1", 0)
        closed = await asyncio.start_server(device, "127.0.0.1", 0)
        port, gone = server.sockets[0].getsockname()[1], closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        talks = (
            replace(http.CONVERSATION, ports=(port,), tls_ports=()),
            replace(onvif.CONVERSATION, ports=(port,)),
            replace(onvif.CONVERSATION, name="closed", ports=(gone,)),
        )
        request = SweepRequest(
            site="s", sensor="s", scan="s", targets=(), scope=None, profile=profile, interfaces=(), done=frozenset(), state_dir=folder
        )  # fmt: skip
        plan = Plan(
            request=request, profile=PROFILES[profile], networks=(ip_network("127.0.0.1/32"),), interfaces=(), discoveries=(),
            conversations=talks, paths=(),
        )  # fmt: skip
        gate = Gate(networks=plan.networks, scope=None, rates=FAST, stop=StopSwitch())
        await Prober(plan, gate, certain).device("127.0.0.1", Found(first_via="sadp"))
        server.close()
        return gate.sent["closed.packets"]

    return lines, before, asyncio.run(run())


def test_a_certain_device_is_asked_its_page_and_its_icon_and_no_more(tmp_path: Path) -> None:
    lines, before, closed = asked(tmp_path, profile="standard", sure=True)
    assert lines == ["GET / HTTP/1.1", "GET /favicon.ico HTTP/1.1"]
    assert [[f.value for _, _, f, _ in known if f.field == "http.server"] for known in before] == [["App-webs/"]]
    assert closed == 0


def test_one_that_leaves_doubt_is_asked_everything_and_a_refused_connect_is_one_packet(tmp_path: Path) -> None:
    lines, _, closed = asked(tmp_path, profile="standard", sure=False)
    assert any(line.startswith("POST /onvif/") for line in lines)
    assert "GET /SDK/activateStatus HTTP/1.1" in lines
    assert closed == 1


def test_the_deep_profile_asks_everything_whatever_is_certain(tmp_path: Path) -> None:
    lines, before, _ = asked(tmp_path, profile="deep", sure=True)
    assert any(line.startswith("POST /onvif/") for line in lines)
    assert not before


@pytest.mark.parametrize(
    ("name", "ways"), [("xm", {"broadcast"}), ("wsdiscovery", {"multicast"}), ("sadp", {"broadcast", "multicast"}), ("mdns", {"multicast"})]
)
def test_how_a_protocol_asks_everybody(name: str, ways: set[str]) -> None:
    assert kinds(discoveries()[name].questions("00000000-0000-4000-8000-000000000000")) == ways


def test_a_lost_packet_does_not_end_what_is_half_said() -> None:
    opened: list[float] = []

    class Lossy:
        async def reopen(self, seconds: float) -> None:
            opened.append(seconds)
            if len(opened) == 1:
                raise TimeoutError

    asyncio.run(driver.reopen(Lossy(), 0.5))  # type: ignore[arg-type]
    assert opened == [0.5, 0.5]


@pytest.fixture(scope="module")
def content() -> Content:
    return shipped.content()


SADP = {
    "sadp.DeviceDescription": "DS-2CD2385G1-I",
    "sadp.SoftwareVersion": "V5.6.2build 190701",
    "onvif.scope.name": "HIKVISION DS-2CD2385G1-I",
}
WEB = {"http.server": "App-webs/", "rtsp.realm": "IP Camera(E3384)"}


@pytest.mark.parametrize(
    ("told", "sure"),
    [
        (SADP | WEB, True),
        (WEB, False),
        ({k: v for k, v in SADP.items() if k != "sadp.SoftwareVersion"} | WEB, False),
        (SADP | WEB | {"tls.issuer": "CN=Dahua Device General CA,O=Dahua,C=CN"}, False),
        ({}, False),
    ],
)
def test_what_leaves_no_doubt(told: dict[str, str], sure: bool, content: Content) -> None:
    seen = [Observation(field=field, value=value, endpoint="10.1.0.9:80", via=field.partition(".")[0]) for field, value in told.items()]
    assert certain(seen, content) is sure
