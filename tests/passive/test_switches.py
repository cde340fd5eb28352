"""Where on the wall: recorded tables of several makers' switches, through a real snmpd, and what is made of them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.collect import bridge, snmp, switches
from netcam.collect.bridge import Port, Switch
from netcam.collect.credentials import Credentials, Secret, SnmpAccount
from netcam.collect.gate import Gate, Rates, StopSwitch
from netcam.collect.switches import Outcome
from tests.passive import walks

HERE = Path(__file__).parent
CAMERA = "44:19:b6:00:00:20"


def learned(made: Switch) -> dict[str, tuple[str, int]]:
    return {mac: (port.name, vlan) for port in made.ports.values() for mac, vlan in port.macs.items()}


@pytest.mark.parametrize(
    ("name", "ports", "macs", "one"),
    [
        ("hpe-procurve-516733-b21", 24, 259, None),
        ("cisco-c3750", 12, 15, ("60:0b:03:ee:16:47", "Gi1/0/1", 0)),
        ("dlink-des3038", 28, 28, ("fc:d7:33:d9:4e:47", "1/2", 602)),
        ("bdcom-s5612", 20, 714, ("d4:ca:6d:0a:5b:ad", "GigaEthernet0/1", 86)),
        ("maipu-sm4200-16gef8ge-ac", 24, 24, ("00:1b:53:5a:7d:04", "Ethernet1/1", 1999)),
        ("ruijie-s5750-24gt12sfp", 27, 381, None),
    ],
)
def test_recorded_tables_of_six_makers_are_read(name: str, ports: int, macs: int, one: tuple[str, str, int] | None) -> None:
    made = bridge.read("192.0.2.2", walks.tables(name))
    assert (len(made.ports), len(learned(made))) == (ports, macs)
    if one:
        # one switch of the six holds a MAC on two ports: a device that was moved while it was read
        assert one[1:] in {(port.name, port.macs[one[0]]) for port in made.ports.values() if one[0] in port.macs}
    assert not set(learned(made)) & made.own


def test_some_switches_number_their_vlans_in_spite_of_their_own_table() -> None:
    assert {602, 2004} <= {vlan for _, vlan in learned(bridge.read("192.0.2.2", walks.tables("dlink-des3038"))).values()}
    # an H3C WX6103 as recorded: its FDB 500 stands in no row of dot1qVlanFdbId, whose rows all name FDB 1
    h3c = {
        "dot1qVlanFdbId": {(0, 1): 1, (0, 12): 1, (823, 13): 1},
        "dot1qTpFdbPort": {(500, 0, 15, 226, 106, 88, 118): 3, (1, 0, 15, 226, 106, 88, 119): 3},
    }
    assert {vlan for _, vlan in learned(bridge.read("192.0.2.2", h3c)).values()} == {500, 0}


def test_a_neighbour_that_is_a_switch_makes_an_uplink() -> None:
    made = bridge.read("192.0.2.2", walks.tables("cisco-n5000"))
    port = next(port for port in made.ports.values() if port.uplink)
    assert (port.name, port.neighbour, port.neighbour_port) == ("Ethernet1/19", "ProCurve 6120XG Blade Switch", "17")
    assert "is a switch or router" in port.uplink


def test_the_neighbours_own_name_of_its_port_reaches_list_and_report() -> None:
    from netcam.cli.switches import _note
    from netcam.collect.switches import observations
    from netcam.pipeline.reporting import _place

    tables: dict[str, dict[tuple[int, ...], Any]] = {
        "dot1dBasePortIfIndex": {(1,): 1}, "ifName": {(1,): "gi1"}, "dot1qTpFdbPort": {(1, 0, 15, 226, 106, 88, 118): 1},
        "lldpLocPortId": {(1,): "gi1"}, "lldpRemSysName": {(0, 1, 1): "door"}, "lldpRemPortIdSubtype": {(0, 1, 1): 3},
        "lldpRemPortId": {(0, 1, 1): bytes.fromhex("00005e005301")},
    }  # fmt: skip
    (placed,) = bridge.place(["00:0f:e2:6a:58:76"], [bridge.read("192.0.2.2", tables)]).values()
    assert _note(placed) == "neighbour door (its port 00:00:5e:00:53:01)"
    told = observations([placed], at=datetime(2026, 1, 1, tzinfo=UTC), site="hq", sensor="s", scan="switches")
    assert _place({one.field.removeprefix("switch."): one.value for one in told}).endswith("neighbour door (its port 00:00:5e:00:53:01)")


@contextmanager
def snmpd(folder: Path, name: str) -> Iterator[int]:
    """net-snmp's agent on loopback, which serves the recorded tables of a switch."""
    server = shutil.which("snmpd", path="/usr/sbin:/usr/bin")
    assert server, "make system-test installs snmpd"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rows = folder / "walk.json"
    rows.write_text(json.dumps([[oid, kind, value.hex()] for oid, kind, value in walks.recorded(name)]))
    child = f"{sys.executable} -S {HERE / 'served_walk.py'} {rows}"
    served = ("1.3.6.1.2.1.1.5", "1.3.6.1.2.1.2.2", "1.3.6.1.2.1.17", "1.3.6.1.2.1.31.1.1", "1.3.6.1.2.1.105", "1.0.8802")
    conf = folder / "snmpd.conf"
    conf.write_text(
        f"agentAddress udp:127.0.0.1:{port}\nrocommunity read-secret\ncreateUser reader SHA-256 auth-secret AES priv-secret\nrouser reader priv\n"
        + "".join(f"pass_persist -p 1 .{root} {child}\n" for root in served)
    )
    running = subprocess.Popen([server, "-f", "-Lf", str(folder / "log"), "-C", "-c", str(conf), f"--persistentDir={folder}"])
    try:
        for _ in range(300):  # until it answers, however slow the machine is
            if "NET-SNMP version" in (folder / "log").read_text(errors="replace") if (folder / "log").exists() else False:
                break
            time.sleep(0.1)
        yield port
    finally:
        running.terminate()
        running.wait(60)


def read(port: int, account: SnmpAccount) -> tuple[list[Switch], list[Outcome], dict[str, int]]:
    outcomes: list[Outcome] = []
    fast = Rates(conversations_per_second=1e4, conversations_per_device=1e4, datagrams_per_second=1e4)
    gate = Gate(networks=[ip_network("127.0.0.1/32")], scope=None, rates=fast, stop=StopSwitch())
    work = switches.read(["127.0.0.1"], Credentials(snmp=(account,)), gate, site="hq", stop=StopSwitch(), done=outcomes.append, port=port)
    return asyncio.run(work), outcomes, gate.totals()


V3 = SnmpAccount(user="reader", password=Secret("auth-secret"), privacy_password=Secret("priv-secret"))


def test_a_real_agent_is_read_with_both_versions_through_the_gate(tmp_path: Path) -> None:
    offline = bridge.read("127.0.0.1", walks.tables("hpe-procurve-516733-b21"))
    with snmpd(tmp_path, "hpe-procurve-516733-b21") as port:
        for account in (SnmpAccount(community=Secret("read-secret")), V3):
            found, outcomes, sent = read(port, account)
            assert [one.problem for one in outcomes] == [""]
            assert learned(found[0]) == learned(offline)
            assert {p.name: p.neighbour for p in found[0].ports.values()} == {p.name: p.neighbour for p in offline.ports.values()}
            assert sent["sent.snmp.packets"] > 20


@pytest.mark.parametrize(
    "account",
    [
        SnmpAccount(community=Secret("wrong")),
        SnmpAccount(user="reader", password=Secret("wrong-secret"), privacy_password=Secret("priv-secret")),
    ],
)
def test_an_agent_that_refuses_is_told_and_no_secret_with_it(tmp_path: Path, account: SnmpAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snmp, "TIMEOUT", 0.4)  # to a wrong community an agent never answers
    with snmpd(tmp_path, "cisco-c3750") as port:
        found, outcomes, _ = read(port, account)
    assert found == []
    assert outcomes[0].problem
    assert "wrong" not in outcomes[0].problem.lower().replace("wrong snmp pdu digest", "")


def switch(name: str, own: str, ports: dict[str, list[str]], neighbours: dict[str, str] | None = None) -> Switch:
    made = Switch(address=name, name=name, own=frozenset({own}))
    for number, (port, macs) in enumerate(ports.items(), 1):
        made.ports[number] = Port(number=number, name=port, macs=dict.fromkeys(macs, 20), neighbour=(neighbours or {}).get(port, ""))
    return made


def test_the_access_port_is_told_from_the_uplinks_on_the_way() -> None:
    others = [f"00:00:5e:00:53:{n:02x}" for n in range(4)]
    near = switch("near", "02:00:00:00:00:01", {"Gi1": [CAMERA], "Gi24": [others[0], "02:00:00:00:00:02"]})
    far = switch("far", "02:00:00:00:00:02", {"Gi3": [CAMERA, others[1], "02:00:00:00:00:01"], "Gi4": others[2:]})
    place = bridge.place([CAMERA, others[2], "00:00:5e:00:53:ff"], [far, near])
    assert (place[CAMERA].switch, place[CAMERA].port, place[CAMERA].vlan, place[CAMERA].beyond) == ("near", "Gi1", 20, "")
    assert (place[others[2]].port, place[others[2]].others) == ("Gi4", 1)
    assert "00:00:5e:00:53:ff" not in place
    assert far.ports[1].uplink == "leads to near"


def test_a_camera_behind_a_switch_that_was_not_read_is_said_to_be_beyond_its_port() -> None:
    crowd = [f"00:00:5e:00:53:{n:02x}" for n in range(20)]
    place = bridge.place([CAMERA], [switch("core", "02:00:00:00:00:01", {"Te1": [CAMERA, *crowd]})])
    assert place[CAMERA].port == "Te1"
    assert place[CAMERA].beyond == "21 addresses behind it"


def test_power_is_told_where_one_reading_of_the_port_number_fits_and_only_there() -> None:
    base = {
        "ifName": {(10,): b"Gi1/0/1", (11,): b"Gi1/0/2", (20,): b"Gi2/0/1"},
        "dot1dBasePortIfIndex": {(1,): 10, (2,): 11, (3,): 20},
        "pethPsePortDetectionStatus": {(1, 1): 3, (1, 2): 2, (2, 1): 3, (2, 9): 3},
        "pethPsePortPowerClassifications": {(1, 1): 4},
    }
    made = bridge.read("192.0.2.2", base)
    assert {port.name: (port.poe, port.poe_class) for port in made.ports.values()} == {
        "Gi1/0/1": ("delivering", "class 3"), "Gi1/0/2": ("searching", ""), "Gi2/0/1": ("delivering", ""),
    }  # fmt: skip
    alone = {"ifName": {(1,): b"1", (2,): b"2"}, "dot1dBasePortIfIndex": {(1,): 1, (2,): 2}, "pethPsePortDetectionStatus": {(1, 2): 3}}
    assert [port.poe for port in bridge.read("192.0.2.2", alone).ports.values()] == ["", "delivering"]


def test_a_switch_that_shows_one_vlan_at_a_time_is_asked_for_each() -> None:
    asked: list[int | None] = []

    class Agent:
        async def walk(self, base: str, *, vlan: int | None = None) -> dict[tuple[int, ...], Any]:
            asked.append(vlan)
            name = next(name for name, at in bridge.TABLES.items() if at == base)
            if name == "vtpVlanState":
                return {(1, 20): 1, (1, 30): 1, (1, 1002): 1}
            if name == "ifName":
                return {(101,): b"Fa0/1", (102,): b"Fa0/2"}
            if vlan and name == "dot1dBasePortIfIndex":
                return {(vlan,): 81 + vlan}
            if vlan and name == "dot1dTpFdbPort":
                return {(68, 25, 182, 0, 0, vlan): vlan}
            return {}

    made = asyncio.run(switches._one("192.0.2.2", Agent()))  # type: ignore[arg-type]
    assert learned(made)["44:19:b6:00:00:14"] == ("Fa0/1", 20)
    assert learned(made)["44:19:b6:00:00:1e"] == ("port 30", 30)
    assert 1002 not in asked


_oids = st.lists(st.integers(0, 300), max_size=9).map(tuple)
_values = st.one_of(st.binary(max_size=12), st.integers(-5, 1 << 33), st.text(max_size=8))


@given(st.dictionaries(st.sampled_from(sorted(bridge.TABLES)), st.dictionaries(_oids, _values, max_size=6), max_size=12))
def test_whatever_a_switch_answers_is_read_or_left_out(tables: dict[str, dict[tuple[int, ...], Any]]) -> None:
    made = bridge.read("192.0.2.2", tables, {20: tables})
    macs = list(learned(made))
    for one in bridge.place([*macs, CAMERA], [made]).values():
        assert one.mac in macs
        assert 0 <= one.vlan < 1 << 34


def test_an_agent_that_goes_backwards_or_never_ends_is_left() -> None:
    class Engine:
        pass

    async def backwards(*_: Any, **__: Any) -> Any:
        row = random.Random(7).choice([(1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, 5)])
        return None, 0, 0, [(row, b"x"), (row, b"y")]

    real, snmp.hlapi.bulk_cmd = snmp.hlapi.bulk_cmd, backwards
    try:
        agent = snmp.Agent(Engine(), None, None, SnmpAccount(community=Secret("x")), None)  # type: ignore[arg-type]
        rows = asyncio.run(asyncio.wait_for(agent.walk("1.3.6.1.2.1.31.1.1.1.1"), 5))
    finally:
        snmp.hlapi.bulk_cmd = real
    assert list(rows) == [(5,)]


@pytest.mark.lab
def test_the_neighbour_that_two_lldpd_tell_each_other_is_heard_and_read(tmp_path: Path) -> None:
    assert shutil.which("lldpd", path="/usr/sbin:/usr/bin"), "make system-test installs lldpd"
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    told: dict[str, str] = {"neighbours": ""}
    for attempt in range(3):  # whether one lldpd hears the other within its time is theirs to say, and on a busy machine it may not
        folder = tmp_path / str(attempt)
        folder.mkdir()
        command = [
            "unshare",
            *own,
            "--net",
            "--mount",
            "--propagation",
            "private",
            sys.executable,
            str(HERE / "neighbours.py"),
            str(folder),
        ]
        run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        assert run.returncode == 0, run.stderr
        told = json.loads(run.stdout)
        if "yard-switch" in told["neighbours"]:
            break
    assert "yard-switch" in told["neighbours"], told["said"]
    read_one = json.loads(told["switches"].splitlines()[0])
    assert (read_one["name"], read_one["uplinks"]) == ("near-switch", [{"port": "near0", "why": "LLDP: yard-switch is a switch or router"}])
    heard = [json.loads(line) for line in told["listen"].splitlines()]
    notes = next(one["notes"] for one in heard if one["type"] == "scan")
    assert "the link that was listened on ends at yard-switch, port gi1 (car park west)" in notes
    spoke = next(one["observed"] for one in heard if one["type"] == "device" and "cdp.device_id" in one["observed"])
    assert (spoke["lldp.system_name"], spoke["lldp.capabilities"], spoke["cdp.platform"]) == (["yard-switch"], ["bridge"], ["Linux"])


def test_the_ladder_list_and_the_report_name_switch_and_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    from typer.testing import CliRunner

    from netcam.cli.app import app
    from netcam.inventory import open_inventory
    from netcam.model import Identity, ScanRecord

    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "state"))
    at, mac, store = datetime(2026, 1, 1, tzinfo=UTC), "fc:d7:33:d9:4e:47", str(tmp_path / "s.sqlite")
    inventory = open_inventory(store, make=True)
    known = [
        Identity(device=one, slots={"kind": "camera", "maker": "Axis"}, confidence={"kind": 0.9, "maker": 0.9}, macs=(one,), addresses=(address,), site="hq")
        for one, address in ((mac, "192.0.2.20"), ("00:00:5e:00:53:99", "192.0.2.21"))
    ]  # fmt: skip
    inventory.save_scan(ScanRecord(id="a1", site="hq", profile="standard", started=at, finished=at, status="complete"))
    inventory.save_identities("a1", known, at)
    inventory.close()
    accounts, scope = tmp_path / "accounts.toml", tmp_path / "scope.toml"
    accounts.write_text('[[snmp]]\nswitches = ["127.0.0.1"]\ncommunity = "read-secret"\n')
    accounts.chmod(0o600)
    scope.write_text('id = "t"\nauthoriser = "t"\nnetworks = ["127.0.0.1/32"]\n')
    common = ["--site", "hq", "--store", store]
    with snmpd(tmp_path, "dlink-des3038") as port:
        words = ["switches", *common, "--credentials", str(accounts), "--scope", str(scope), "--port", str(port)]
        run = CliRunner().invoke(app, [*words, "--format", "jsonl"])
        table = CliRunner().invoke(app, [*words, "--format", "table"])
    assert run.exit_code == 0, run.output + str(run.exception)
    lines = {one["type"]: one for one in map(json.loads, filter(lambda line: line.startswith("{"), run.stdout.splitlines()))}
    assert (lines["place"]["address"], lines["place"]["port"], lines["place"]["vlan"]) == ("192.0.2.20", "1/2", 602)
    assert lines["unplaced"]["address"] == "192.0.2.21"
    assert "1/2" in table.stdout and "192.0.2.20" in table.stdout and "On none of the switches" in table.stdout
    assert "read-secret" not in run.output + table.output
    page = tmp_path / "report.html"
    made = CliRunner().invoke(app, ["report", *common, "--output", str(page)])
    assert made.exit_code == 0, made.output + str(made.exception)
    assert "port 1/2, VLAN 602" in page.read_text()
