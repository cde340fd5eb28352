"""The owner's account against ONVIF devices that somebody else wrote: right, wrong and no credentials; one refusal ends it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.collect import accounts, driver, owner
from netcam.collect.accounts import Asked, Known
from netcam.collect.credentials import Account, Credentials, Refusals, Secret
from netcam.collect.gate import Gate, OutOfScope, Rates, StopSwitch
from netcam.collect.owner import Place, Status, Told
from netcam.protocols import never
from tests import peers

HERE = Path(__file__).parent
FAST = Rates(conversations_per_second=10_000, conversations_per_device=10_000)


def clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the devices of these tests run on the same clock


def gate(audit: Path | None = None) -> Gate:
    return Gate(networks=[ip_network("127.0.0.1/32")], scope=None, rates=FAST, stop=StopSwitch(), audit=audit)


def account(password: str, user: str = "admin") -> Account:
    return Account(user=user, password=Secret(password))


def ask(port: int, who: Account | None, *, path: str = "/onvif/device_service", clear: bool = False, audit: Path | None = None) -> Told:
    async def run() -> Told:
        through = gate(audit)
        try:
            return await owner.ask(
                through, "127.0.0.1", [Place(port, path=path)], who, context=driver.banner_context(), clear=clear, now=clock()
            )
        finally:
            through.close()

    return asyncio.run(run())


def facts(told: Told) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fact in told.facts:
        found.setdefault(fact.field, []).append(fact.value)
    return found


@contextmanager
def ipycam(password: str) -> Iterator[tuple[int, list[str]]]:
    """ipycam's ONVIF service; the list holds one line per request it answered."""
    child = subprocess.Popen(
        [sys.executable, str(HERE / "ipycam_device.py"), "admin", password], stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": str(peers.folder()), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert child.stdout is not None
    lines: list[str] = []
    try:
        port = int(child.stdout.readline())
        reader = threading.Thread(target=lambda: lines.extend(child.stdout or ()))
        reader.start()
        yield port, lines
    finally:
        child.terminate()
        child.wait(60)
        reader.join(10)
        child.stdout.close()


def test_the_right_account_is_told_what_the_device_is(tmp_path: Path) -> None:
    with ipycam("right-secret") as (port, lines):
        told = ask(port, account("right-secret"), audit=tmp_path / "audit.jsonl")
    assert told.status is Status.ANSWERED
    found = facts(told)
    assert found["onvif.manufacturer"] == ["Example Maker"]
    assert (found["onvif.model"], found["onvif.firmware"], found["onvif.serial"]) == (["IPY-1"], ["1.2.3"], ["SN42"])
    assert found["onvif.users"] == ["1"]
    assert found["onvif.video_sources"] == ["1"]
    assert sum("200" in line for line in lines) >= 10
    audit = (tmp_path / "audit.jsonl").read_text()
    assert audit.count('"onvif-owner"') > 10
    assert "right-secret" not in audit and "admin" not in audit


def test_no_account_is_shown_to_another_device_that_has_the_address_now(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An inventory may be of last month, and the lease of the camera somebody else's since."""
    mine = ("44:19:b6:00:00:20", "44:19:b6:00:00:21")

    def run(port: int, there: str) -> Told:
        monkeypatch.setattr(accounts.interfaces, "neighbours", lambda: {"127.0.0.1": there} if there else {})
        results: list[Asked] = []
        known = [
            Known(
                device=mine[0],
                address="127.0.0.1",
                mac=mine[0],
                macs=mine,
                ports=(port,),
                xaddrs=(f"http://127.0.0.1:{port}/onvif/device_service",),
            )
        ]
        given = Credentials(accounts=(account("right-secret"),))
        refusals = Refusals(tmp_path / "refusals.json")
        asyncio.run(
            accounts.ask(known, given, refusals, gate(), site="hq", clear=False, clock=clock, stop=StopSwitch(), done=results.append)
        )
        assert list(accounts.observations(results[0], site="hq", sensor="s", scan="x")) or results[0].told.status is Status.ELSEWHERE
        return results[0].told

    with ipycam("right-secret") as (port, lines):
        other = run(port, "02:00:00:00:00:99")
        assert other.status is Status.ELSEWHERE
        assert "02:00:00:00:00:99" in other.note
        assert not other.facts
        asked = len(lines)
        assert asked <= 1, "the device's clock, which needs no account, and nothing else"
        assert run(port, mine[1]).status is Status.ANSWERED
        assert run(port, "").status is Status.ANSWERED


def test_one_refusal_ends_it_and_locks_the_device_for_later_runs(tmp_path: Path) -> None:
    refusals = tmp_path / "refusals.json"

    def run(port: int) -> list[Asked]:
        results: list[Asked] = []
        known = [Known(device="127.0.0.1", address="127.0.0.1", ports=(port,), xaddrs=(f"http://127.0.0.1:{port}/onvif/device_service",))]
        asyncio.run(
            accounts.ask(
                known, Credentials(accounts=(account("wrong"),)), Refusals(refusals), gate(), site="hq", clear=False,
                clock=clock, stop=StopSwitch(), done=results.append,
            )
        )  # fmt: skip
        return results

    with ipycam("right-secret") as (port, lines):
        first = run(port)[0].told
        after_first = len(lines)
        second = run(port)[0].told
        time.sleep(0.2)
        after_second = len(lines)
    assert first.status is Status.REFUSED
    assert second.status is Status.LOCKED and "--again" in second.note
    # time and information without the account, information once with it: nothing else, and nothing at all the second time
    assert len(lines) == 3 and after_first <= 3 and after_second == 3
    assert all("401" in line for line in lines)


def test_without_an_account_nothing_is_tried() -> None:
    with ipycam("right-secret") as (port, lines):
        told = ask(port, None)
    assert told.status is Status.NO_ACCOUNT
    assert len(lines) == 2


def test_a_device_that_tells_anybody_never_sees_the_account() -> None:
    with ipycam("") as (port, _):
        told = ask(port, account("right-secret"))
    assert told.status is Status.OPEN
    assert facts(told)["onvif.access"] == ["open"]


CGI = """#!/bin/sh
body=$(head -c "${CONTENT_LENGTH:-0}")
op=$(printf %s "$body" | sed -n 's/.*<[a-z0-9-]*:\\{0,1\\}Body[^>]*><[a-z0-9]*:\\{0,1\\}\\([A-Za-z][A-Za-z]*\\).*/\\1/p')
echo "$op" >> "$LOG"
for file in "$ANSWERS/device.$op.xml" "$ANSWERS/media.$op.xml" "$ANSWERS/$op.xml"; do
  [ -f "$file" ] && { printf 'Content-Type: application/soap+xml\\r\\n\\r\\n'; cat "$file"; exit 0; }
done
printf 'Status: 500\\r\\nContent-Type: application/soap+xml\\r\\n\\r\\n'; cat "$ANSWERS/Error.xml"
"""


@contextmanager
def lighttpd(folder: Path, method: str) -> Iterator[tuple[int, Path]]:
    """lighttpd with its own login (`digest` or `basic`) in front of ONVIF answers that were recorded from devices."""
    server = shutil.which("lighttpd", path="/usr/sbin:/usr/bin")
    assert server, "make system-test installs lighttpd"
    answers, log = peers.folder() / "package" / "test" / "serverMockup", folder / "asked"
    cgi = folder / "onvif" / "services"
    cgi.parent.mkdir()
    cgi.write_text(CGI)
    cgi.chmod(0o755)
    realm = "device"
    (folder / "users").write_text(f"admin:{realm}:{hashlib.md5(f'admin:{realm}:right-secret'.encode()).hexdigest()}\n")
    (folder / "plain").write_text("admin:right-secret\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    backend = (
        f'"htdigest"\nauth.backend.htdigest.userfile = "{folder}/users"'
        if method == "digest"
        else f'"plain"\nauth.backend.plain.userfile = "{folder}/plain"'
    )
    (folder / "conf").write_text(
        f'server.document-root = "{folder}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\n'
        f'server.modules = ("mod_auth", "mod_authn_file", "mod_cgi", "mod_setenv")\ncgi.assign = ("services" => "")\n'
        f'setenv.add-environment = ("ANSWERS" => "{answers}", "LOG" => "{log}")\nauth.backend = {backend}\n'
        f'auth.require = ("/onvif" => ("method" => "{method}", "realm" => "{realm}", "require" => "valid-user"))\n'
    )
    child = subprocess.Popen([server, "-D", "-f", str(folder / "conf")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port, log
    finally:
        child.terminate()
        child.wait(60)


def test_http_digest_and_the_recorded_answers_of_devices(tmp_path: Path) -> None:
    with lighttpd(tmp_path, "digest") as (port, log):
        told = ask(port, account("right-secret"), path="/onvif/services")
        asked = log.read_text().split()
    assert told.status is Status.ANSWERED, told
    found = facts(told)
    assert found["onvif.manufacturer"] == ["Mockup Manufacturer"]
    assert found["onvif.interface.mac"] == ["28:57:be:65:7d:d5"]
    assert "192.168.68.111/24" in found["onvif.interface.address"]
    assert found["onvif.interface.dhcp"] == ["false"]
    assert found["onvif.users"] == ["2"]
    assert found["onvif.ntp"] == ["192.168.1.168"]
    # two of the recorded answers were edited into XML that is none: what they hold is not told, and the talk goes on
    assert {"GetDNS", "GetNetworkDefaultGateway"} <= set(asked)
    assert not any(word in str(told) for word in ("operator", "right-secret"))
    assert asked[-1] == "GetUsers"
    assert all(re.fullmatch("Get[A-Za-z]+", one) for one in asked)


def test_a_wrong_password_is_shown_to_http_digest_once(tmp_path: Path) -> None:
    with lighttpd(tmp_path, "digest") as (port, log):
        told = ask(port, account("wrong"), path="/onvif/services")
    assert told.status is Status.REFUSED
    assert not log.exists()
    assert told.calls <= 4


def test_a_password_in_clear_is_sent_only_where_the_site_allows_it(tmp_path: Path) -> None:
    with lighttpd(tmp_path, "basic") as (port, log):
        refused = ask(port, account("right-secret"), path="/onvif/services")
        assert not log.exists()
        allowed = ask(port, account("right-secret"), path="/onvif/services", clear=True)
    assert refused.status is Status.IN_CLEAR
    assert allowed.status is Status.ANSWERED


RECORDINGS = """<tns:GetRecordingsResponse xmlns:tns="http://www.onvif.org/ver10/recording/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema">{items}
</tns:GetRecordingsResponse>"""
ITEM = """<tns:RecordingItem><tt:RecordingToken>r{n}</tt:RecordingToken><tt:Configuration><tt:Source><tt:SourceId>s{n}</tt:SourceId>
<tt:Name>Gate {n}</tt:Name><tt:Location>Yard</tt:Location><tt:Description>d</tt:Description><tt:Address>rtsp://10.1.1.{n}:554/live</tt:Address></tt:Source>
<tt:Content>c</tt:Content><tt:MaximumRetentionTime>PT0S</tt:MaximumRetentionTime></tt:Configuration><tt:Tracks/></tns:RecordingItem>"""
ENVELOPE = '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{}</s:Body></s:Envelope>'
DEVICE_NS = 'xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
INFORMATION = f"""<tds:GetDeviceInformationResponse {DEVICE_NS}><tds:Manufacturer>m</tds:Manufacturer><tds:Model>NVR</tds:Model>
<tds:FirmwareVersion>1</tds:FirmwareVersion><tds:SerialNumber>2</tds:SerialNumber><tds:HardwareId>3</tds:HardwareId></tds:GetDeviceInformationResponse>"""
SERVICES = f"""<tds:GetServicesResponse {DEVICE_NS}><tds:Service><tds:Namespace>http://www.onvif.org/ver10/recording/wsdl</tds:Namespace>
<tds:XAddr>http://10.9.9.9:1234/onvif/recording</tds:XAddr><tds:Version xmlns:tt="http://www.onvif.org/ver10/schema"><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version>
</tds:Service></tds:GetServicesResponse>"""


@contextmanager
def answering(
    answer: dict[str, bytes], otherwise: bytes = b"", status: int = 200, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[bytes]]]:
    """A device of our own for what the others do not do: whole HTTP bodies by operation."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    peer, _ = listening.accept()
                except TimeoutError:
                    continue
                if tls is not None:
                    peer = tls.wrap_socket(peer, server_side=True)
                with peer:
                    peer.settimeout(3)
                    data = b""
                    while b"Envelope>" not in data and (more := peer.recv(65536)):
                        data += more
                    got.append(data)
                    body = next((body for name, body in answer.items() if f":{name}".encode() in data), otherwise)
                    peer.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)

        worker = threading.Thread(target=serve)
        worker.start()
        try:
            yield listening.getsockname()[1], got
        finally:
            ended.set()
            worker.join(10)


def soap(body: str) -> bytes:
    return ENVELOPE.format(body).encode()


def test_a_recorder_names_the_cameras_behind_it_and_its_own_address_book_is_not_followed() -> None:
    answers = {
        "GetDeviceInformation": soap(INFORMATION), "GetServices": soap(SERVICES),
        "GetRecordings": soap(RECORDINGS.format(items="".join(ITEM.format(n=n) for n in (1, 2, 3)))),
    }  # fmt: skip
    with answering(answers, soap("")) as (port, got):
        told = ask(port, None)
    assert [(c.number, c.name, c.address, c.location) for c in told.channels] == [
        (n, f"Gate {n}", f"10.1.1.{n}", "Yard") for n in (1, 2, 3)
    ]
    assert any(b"POST /onvif/recording " in data for data in got)
    asked = Asked(known=Known(device="44:19:b6:00:00:20", address="127.0.0.1", mac="44:19:b6:00:00:20"), told=told, at=clock())
    seen = list(accounts.observations(asked, site="hq", sensor="s", scan="x"))
    behind = {(o.key, o.field, o.value) for o in seen if o.field.startswith("channel.")}
    assert ("44:19:b6:00:00:20#2", "channel.address", "10.1.1.2") in behind
    assert ("44:19:b6:00:00:20#2", "channel.recorder", "44:19:b6:00:00:20") in behind
    assert {o.key for o in seen if o.field == "recorder.channels"} == {"44:19:b6:00:00:20"}


def test_a_device_that_announces_tls_is_asked_under_tls() -> None:
    from netcam.lab.certificates import old_tls

    context = old_tls("CN=camera", "CN=camera")
    with answering({"GetDeviceInformation": soap(INFORMATION)}, soap(""), tls=context) as (port, _):
        where = owner.places(
            [f"http://127.0.0.1:{port}/onvif/device_service", f"https://127.0.0.1:{port}/onvif/device_service"], "127.0.0.1"
        )
        assert where[0] == Place(port, True, "/onvif/device_service")

        async def run() -> Told:
            return await owner.ask(gate(), "127.0.0.1", where[:1], None, context=driver.banner_context(), clear=False, now=clock())

        told = asyncio.run(run())
    assert told.status is Status.OPEN
    assert facts(told)["onvif.model"] == ["NVR"]


@given(
    st.lists(
        st.text(max_size=40)
        | st.sampled_from(["http://[", "http://127.0.0.1:99999/", "https://127.0.0.1/x", "http://192.0.2.1/", "//", "http://127.0.0.1:80"]),
        max_size=5,
    ),
    st.lists(st.integers(0, 65535), max_size=4),
)
def test_whatever_a_device_announces_it_is_asked_at_its_own_address_and_few_places(xaddrs: list[str], ports: list[int]) -> None:
    found = owner.places(xaddrs, "127.0.0.1", ports)
    assert 1 <= len(found) <= owner.MAX_PLACES
    assert all(0 < one.port < 65536 for one in found)


def test_network_settings_and_the_state_of_remote_access_are_read() -> None:
    tt = 'xmlns:tt="http://www.onvif.org/ver10/schema"'
    answers = {
        "GetDeviceInformation": soap(INFORMATION),
        "GetDNS": soap(f"<tds:GetDNSResponse {DEVICE_NS} {tt}><tds:DNSInformation><tt:FromDHCP>true</tt:FromDHCP><tt:DNSFromDHCP><tt:Type>IPv4</tt:Type><tt:IPv4Address>192.0.2.53</tt:IPv4Address></tt:DNSFromDHCP></tds:DNSInformation></tds:GetDNSResponse>"),
        "GetNetworkDefaultGateway": soap(f"<tds:GetNetworkDefaultGatewayResponse {DEVICE_NS} {tt}><tds:NetworkGateway><tt:IPv4Address>192.0.2.1</tt:IPv4Address></tds:NetworkGateway></tds:GetNetworkDefaultGatewayResponse>"),
        "GetDiscoveryMode": soap(f"<tds:GetDiscoveryModeResponse {DEVICE_NS}><tds:DiscoveryMode>NonDiscoverable</tds:DiscoveryMode></tds:GetDiscoveryModeResponse>"),
        "GetRemoteDiscoveryMode": soap(f"<tds:GetRemoteDiscoveryModeResponse {DEVICE_NS}><tds:RemoteDiscoveryMode>Discoverable</tds:RemoteDiscoveryMode></tds:GetRemoteDiscoveryModeResponse>"),
        "GetDPAddresses": soap(f"<tds:GetDPAddressesResponse {DEVICE_NS} {tt}><tds:DPAddress><tt:Type>DNS</tt:Type><tt:DNSname>dp.example.net</tt:DNSname></tds:DPAddress></tds:GetDPAddressesResponse>"),
        "GetDynamicDNS": soap(f"<tds:GetDynamicDNSResponse {DEVICE_NS} {tt}><tds:DynamicDNSInformation><tt:Type>ClientUpdates</tt:Type><tt:Name>cam.example.net</tt:Name></tds:DynamicDNSInformation></tds:GetDynamicDNSResponse>"),
    }  # fmt: skip
    with answering(answers, soap("")) as (port, _):
        found = facts(ask(port, None))
    assert found["onvif.dns"] == ["192.0.2.53"]
    assert found["onvif.gateway"] == ["192.0.2.1"]
    assert (found["onvif.discovery_mode"], found["onvif.remote_discovery_mode"]) == (["NonDiscoverable"], ["Discoverable"])
    assert found["onvif.remote_proxy"] == ["dp.example.net"]
    assert found["onvif.dynamic_dns"] == ["ClientUpdates cam.example.net"]


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "aaaaaaaa"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'.encode("utf-16"),
        b"<a>" * 5000,
        soap("<a>" * 3000 + "</a>" * 3000),
        b"\x00" * 4000,
        soap("<s:Fault>" + "x" * 100_000 + "</s:Fault>"),
        b"",
    ],
    ids=["entities", "external-utf16", "deep", "deep-body", "nul", "fault", "empty"],
)
def test_a_hostile_answer_is_no_answer(body: bytes) -> None:
    with answering({}, body) as (port, got):
        told = ask(port, account("right-secret"))
    assert told.status is Status.UNREACHABLE, told
    assert [fact for fact in told.facts if fact.field != "onvif.access"] == []
    assert "root:" not in str(told)
    assert all(b"UsernameToken" not in data for data in got)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from([INFORMATION, SERVICES, ITEM.format(n=1), "</", "<tds:", "&amp;", "\x01", "é", "Fault"]), max_size=6),
    st.sampled_from([200, 400, 401, 403, 500]),
)
def test_whatever_a_device_answers_the_talk_ends_in_a_status(parts: list[str], status: int) -> None:
    with answering({}, soap("".join(parts)), status) as (port, got):
        told = ask(port, None)
    assert isinstance(told.status, Status)
    assert len(got) <= 60


def test_the_gate_lets_credentials_out_for_the_owner_alone_and_no_change_for_anybody() -> None:
    login = b"POST /onvif/device_service HTTP/1.1\r\nAuthorization: Digest x\r\n\r\n<wsse:Security/><tds:GetUsers/>"
    change = login + b"<tds:SetUser/>"
    through = gate()
    through.check_bytes(login, "onvif", owner=True)
    for data, by_owner in (
        (login, False),
        (change, True),
        (b"<tds:SystemReboot/>", True),
        (b"<tds:GetSystemBackup/>", True),
        (b"<trt:GetSnapshotUri/>", True),
    ):
        with pytest.raises(OutOfScope):
            through.check_bytes(data, "onvif", owner=by_owner)
    assert set(never.NEVER_REQUESTED.values()) >= never.OWNER_MAY


def test_the_command_asks_what_the_inventory_knows_and_lists_the_cameras_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from typer.testing import CliRunner

    from netcam.cli.app import app

    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "state"))
    accounts_file, scope, store = tmp_path / "accounts.toml", tmp_path / "scope.toml", str(tmp_path / "s.sqlite")
    accounts_file.write_text('[[device]]\nuser = "admin"\npassword = "right-secret"\n')
    accounts_file.chmod(0o600)
    scope.write_text('id = "t"\nauthoriser = "t"\nnetworks = ["127.0.0.1/32"]\n')
    answers = {
        "GetDeviceInformation": soap(INFORMATION.replace(">m<", ">HIKVISION<").replace(">NVR<", ">DS-7608NI-K2<")),
        "GetServices": soap(SERVICES), "GetRecordings": soap(RECORDINGS.format(items="".join(ITEM.format(n=n) for n in (1, 2)))),
    }  # fmt: skip
    with answering(answers, soap("")) as (port, _):
        seen = [("onvif.xaddr", f"http://127.0.0.1:{port}/onvif/device_service"), ("onvif.types", "NetworkVideoStorage Device")]
        (tmp_path / "seen.jsonl").write_text(
            "".join(
                json.dumps({"mac": "44:19:b6:00:00:20", "endpoint": "127.0.0.1", "at": "2026-01-01T00:00:00Z", "field": f, "value": v})
                + "\n"
                for f, v in seen
            )
        )
        common = ["--format", "jsonl", "--store", store]
        assert CliRunner().invoke(app, ["import", str(tmp_path / "seen.jsonl"), *common]).exit_code == 0
        run = CliRunner().invoke(app, ["ask", "--credentials", str(accounts_file), "--scope", str(scope), *common])
    assert run.exit_code == 0, run.output + str(run.exception)
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    asked = next(one for one in lines if one["type"] == "asked")
    assert (asked["address"], asked["result"]) == ("127.0.0.1", "open")
    assert [one["address"] for one in asked["channels"]] == ["10.1.1.1", "10.1.1.2"]
    listed = CliRunner().invoke(app, ["devices", *common])
    devices = {one["device"]: one for one in map(json.loads, listed.stdout.splitlines())}
    assert devices["44:19:b6:00:00:20"]["kind"] == "recorder"
    assert {key: one["kind"] for key, one in devices.items() if "#" in key} == {
        "44:19:b6:00:00:20#1": "camera",
        "44:19:b6:00:00:20#2": "camera",
    }
    assert "right-secret" not in run.output + (tmp_path / "s.sqlite").read_bytes().decode("latin-1")
