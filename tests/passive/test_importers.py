"""Files of other programs become observations; what is broken or hostile in them is told with its line and the rest goes on."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.collect.importers import source
from netcam.collect.importers.source import Problem, importers
from netcam.errors import ConfigError, ContentError
from netcam.model import Observation

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NMAP = """<?xml version="1.0"?>
<!DOCTYPE nmaprun>
<nmaprun scanner="nmap" start="1700000000" version="7.93">
<hosthint><address addr="192.0.2.9" addrtype="ipv4"/></hosthint>
<host starttime="1700000001" endtime="1700000009"><status state="up"/>
<address addr="192.0.2.20" addrtype="ipv4"/><address addr="44:19:B6:00:00:20" addrtype="mac" vendor="Hikvision"/>
<hostnames><hostname name="cam.example" type="PTR"/></hostnames>
<ports><port protocol="tcp" portid="80"><state state="open"/>
<service name="http" product="Hikvision IP camera httpd" devicetype="webcam"><cpe>cpe:/h:hikvision:camera</cpe></service>
<script id="http-title" output="index"><elem key="title">index</elem></script></port>
<port protocol="tcp" portid="443"><state state="open"/><service name="https"/>
<script id="ssl-cert" output="Subject: commonName=DS-2CD/organizationName=Hik/countryName=CN&#xa;Issuer: commonName=other"/></port>
<port protocol="tcp" portid="22"><state state="closed"/><service name="ssh" product="never"/></port></ports>
</host>
<host><address addr="192.0.2.21" addrtype="ipv4"/><ports><port protocol="tcp" portid="554"><state state="open"/></port></ports></host>
</nmaprun>
"""


def run(
    folder: Path, name: str, content: bytes, *, wanted: str | None = None, columns: dict[str, str] | None = None
) -> tuple[list[Observation], list[Problem]]:
    path, problems = folder / name, list[Problem]()
    path.write_bytes(content)
    found = list(source.read(path, wanted=wanted, columns=columns or {}, site="hq", scan="run", now=NOW, problems=problems))
    return found, problems


def facts(found: list[Observation]) -> set[tuple[str, str, str]]:
    return {(one.endpoint, one.field, one.value) for one in found}


def test_nmap_facts_stand_under_their_own_fields_with_time_and_line(tmp_path: Path) -> None:
    found, problems = run(tmp_path, "scan.xml", NMAP.encode())
    assert problems == []
    assert facts(found) == {
        ("192.0.2.20", "mac", "44:19:b6:00:00:20"),
        ("192.0.2.20", "hostname", "cam.example"),
        ("192.0.2.20:80", "port.open", "80"),
        ("192.0.2.20:80", "nmap.product", "Hikvision IP camera httpd"),
        ("192.0.2.20:80", "nmap.devicetype", "webcam"),
        ("192.0.2.20:80", "nmap.cpe", "cpe:/h:hikvision:camera"),
        ("192.0.2.20:80", "http.title", "index"),
        ("192.0.2.20:443", "port.open", "443"),
        ("192.0.2.20:443", "tls.subject", "CN=DS-2CD,O=Hik,C=CN"),
        ("192.0.2.21:554", "port.open", "554"),
    }
    first = next(one for one in found if one.field == "nmap.product")
    assert first.at == datetime.fromtimestamp(1700000009, UTC)
    assert first.sensor == "scan.xml:9"
    assert first.via == "nmap"
    assert first.mac == "44:19:b6:00:00:20"
    assert next(one for one in found if "21" in one.endpoint).at == datetime.fromtimestamp(1700000000, UTC)


def test_half_an_nmap_file_keeps_what_was_whole_and_tells_where_it_ends(tmp_path: Path) -> None:
    found, problems = run(tmp_path, "scan.xml", NMAP[: NMAP.index("<host><address")].encode())
    assert len(facts(found)) == 9
    assert len(problems) == 1
    assert problems[0].line == 15
    assert "cannot be read from here on" in problems[0].problem


@pytest.mark.parametrize(
    "dtd",
    [
        '<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">',
        '<!ENTITY x SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "http://192.0.2.1/x"> %p;',
    ],
)
def test_an_xml_bomb_is_refused_before_any_entity_is_read(tmp_path: Path, dtd: str) -> None:
    bomb = f'<?xml version="1.0"?><!DOCTYPE nmaprun [{dtd}]><nmaprun><host><hostname name="&a;"/></host></nmaprun>'
    found, problems = run(tmp_path, "bomb.xml", bomb.encode())
    assert found == []
    assert "entities" in problems[0].problem


def test_elements_without_end_and_too_deep_ones_are_refused(tmp_path: Path) -> None:
    _, problems = run(tmp_path, "deep.xml", b"<nmaprun>" + b"<host>" * 100)
    assert "deeper" in problems[0].problem
    _, problems = run(tmp_path, "long.xml", b'<nmaprun><host x="' + b"a" * (20 << 20))
    assert "element of more than" in problems[0].problem


def test_a_gzip_bomb_ends_with_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "RATIO_FROM", 1 << 20)
    found, problems = run(tmp_path, "x.json.gz", gzip.compress(b'{"field":"mac","value":"x","endpoint":"192.0.2.1"}\n' + b" " * (8 << 20)))
    assert len(found) == 1
    assert any("times its size" in one.problem for one in problems)


def test_half_a_gzip_file_is_told_and_what_came_is_kept(tmp_path: Path) -> None:
    lines = b"".join(b'{"ip":"192.0.2.%d","timestamp":"1700000000","ports":[{"port":80,"status":"open"}]},\n' % n for n in range(1, 250))
    packed = gzip.compress(lines, 1)
    found, problems = run(tmp_path, "masscan.gz", packed[: len(packed) * 2 // 3], wanted="masscan")
    assert 10 < len(found) < 249
    assert "the file ends here" in problems[-1].problem


def test_masscan_ports_and_banners_are_read_and_a_broken_line_costs_itself_only(tmp_path: Path) -> None:
    text = (
        '[\n{ "ip": "192.0.2.5", "timestamp": "1700000000", "ports": [ {"port": 80, "proto": "tcp", "status": "open"} ] },\n'
        '{ "ip": broken\n'
        '{ "ip": "192.0.2.5", "timestamp": "1700000001", "ports": [ {"port": 80, "service": {"name": "title", "banner": "NVR"}} ] }\n]\n'
    )
    found, problems = run(tmp_path, "m.json", text.encode())
    assert facts(found) == {("192.0.2.5:80", "port.open", "80"), ("192.0.2.5:80", "http.title", "NVR")}
    assert [one.line for one in problems] == [3]


def test_zeek_logs_are_read_in_both_forms(tmp_path: Path) -> None:
    head = "#separator \\x09\n#unset_field\t-\n#path\tsoftware\n#fields\tts\thost\thost_p\tsoftware_type\tunparsed_version\n"
    rows = "1700000000.5\t192.0.2.7\t80\tHTTP::SERVER\tApp-webs/\n1700000000.5\tshort\n1700000001\t192.0.2.8\t-\tHTTP::BROWSER\tx\n"
    found, problems = run(tmp_path, "software.log", (head + rows).encode())
    assert facts(found) == {("192.0.2.7:80", "http.server", "App-webs/")}
    assert [one.line for one in problems] == [6]
    line = {"_path": "dhcp", "ts": "2026-01-02T03:04:05Z", "mac": "44:19:b6:00:00:21", "assigned_addr": "192.0.2.9", "host_name": "cam9"}
    found, problems = run(tmp_path, "dhcp.json", json.dumps(line).encode())
    assert facts(found) == {("192.0.2.9", "mac", "44:19:b6:00:00:21"), ("192.0.2.9", "dhcp.hostname", "cam9")}
    assert found[0].at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_suricata_events_are_read(tmp_path: Path) -> None:
    base = {"timestamp": "2026-01-02T03:04:05.000000+0000", "dest_ip": "192.0.2.7", "dest_port": 443, "proto": "TCP"}
    events = [
        base | {"event_type": "tls", "tls": {"subject": "CN=cam, O=Dahua", "issuerdn": "CN=root", "serial": "00:AB"}},
        base | {"event_type": "http", "http": {"status": 200, "response_headers": [{"name": "Server", "value": "webs"}]}},
        base
        | {
            "event_type": "dhcp",
            "dhcp": {"dhcp_type": "ack", "type": "reply", "client_mac": "44:19:b6:00:00:21", "assigned_ip": "192.0.2.8"},
        },
    ]
    found, problems = run(tmp_path, "eve.json", "\n".join(map(json.dumps, events)).encode())
    assert problems == []
    assert facts(found) == {
        ("192.0.2.7:443", "tls.subject", "CN=cam,O=Dahua"),
        ("192.0.2.7:443", "tls.issuer", "CN=root"),
        ("192.0.2.7:443", "tls.serial", "00ab"),
        ("192.0.2.7:443", "http.status", "200"),
        ("192.0.2.7:443", "http.server", "webs"),
        ("192.0.2.8", "mac", "44:19:b6:00:00:21"),
    }


def test_leases_of_three_servers_are_read_with_their_times(tmp_path: Path) -> None:
    isc = (
        "# a comment\nlease 192.0.2.30 {\n  starts 4 2026/01/01 10:00:00;\n  hardware ethernet 44:19:b6:00:00:30;\n"
        '  set vendor-class-identifier = "udhcp 1.24";\n  client-hostname "cam30";\n}\nlease 192.0.2.31 {\n  starts'
    )
    found, problems = run(tmp_path, "dhcpd.leases", isc.encode())
    assert facts(found) == {
        ("192.0.2.30", "mac", "44:19:b6:00:00:30"),
        ("192.0.2.30", "dhcp.hostname", "cam30"),
        ("192.0.2.30", "dhcp.vendor_class", "udhcp 1.24"),
    }
    assert found[0].at == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert [one.line for one in problems] == [8]
    kea = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n"
    found, problems = run(tmp_path, "kea.csv", (kea + "192.0.2.40,44:19:b6:00:00:40,01:44,3600,1700003600,1,0,0,cam40,0\nnone\n").encode())
    assert ("192.0.2.40", "dhcp.hostname", "cam40") in facts(found)
    assert found[0].at == datetime.fromtimestamp(1700000000, UTC)
    assert [one.line for one in problems] == [3]
    found, problems = run(tmp_path, "dnsmasq.leases", b"1900000000 44:19:b6:00:00:50 192.0.2.50 cam50 01:44:19:b6\nrubbish\n")
    assert ("192.0.2.50", "dhcp.client_id", "014419b6") in facts(found)
    assert all(one.at is None for one in found), "the file tells when the lease ends, not when the device was seen"
    assert [one.line for one in problems] == [2]


def test_a_camera_list_is_read_by_headings_or_by_a_map_and_never_feeds_fields_of_devices(tmp_path: Path) -> None:
    text = "\ufeffCamera Name;IP Address;MAC Address;Model\nGate;192.0.2.60;44-19-B6-00-00-60;DS-1\nDoor;;;\n".encode()
    found, problems = run(tmp_path, "list.csv", text)
    assert facts(found) == {
        ("192.0.2.60", "mac", "44:19:b6:00:00:60"),
        ("192.0.2.60", "list.name", "Gate"),
        ("192.0.2.60", "list.model", "DS-1"),
    }
    assert [one.line for one in problems] == [3]
    found, _ = run(tmp_path, "odd.csv", b"Where,What\n192.0.2.61,cam\n", columns={"address": "Where", "model": "What"})
    assert facts(found) == {("192.0.2.61", "list.model", "cam")}
    with pytest.raises(ConfigError, match="no column"):
        run(tmp_path, "odd.csv", b"Where,What\n192.0.2.61,cam\n", columns={"address": "Were"})


def test_a_time_still_to_come_is_told_and_left_out(tmp_path: Path) -> None:
    found, problems = run(tmp_path, "m.json", b'{"ip":"192.0.2.5","timestamp":"4000000000","ports":[{"port":80,"status":"open"}]}')
    assert found[0].at is None
    assert "still to come" in problems[0].problem


def test_a_file_of_no_known_format_and_a_wrong_name_are_errors_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="--from"):
        run(tmp_path, "x.bin", b"\x00\x01\x02")
    with pytest.raises(ConfigError, match="did you mean 'nmap'"):
        run(tmp_path, "x.bin", b"", wanted="nmapp")


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(set(importers()) - {"pcap"})), data=st.binary(max_size=400), cut=st.integers(0, 3000))
def test_any_bytes_are_read_or_told(tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes, cut: int) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        run(folder, "any", NMAP.encode()[:cut] + data if name == "nmap" else data, wanted=name)
    except (ConfigError, ContentError):
        assert name == "csv", "only a list without the columns needed is an operator's error"


ZGRAB = {
    "ip": "192.0.2.20",
    "data": {
        "http": {
            "status": "success", "protocol": "http", "port": 8080, "timestamp": "2026-05-01T10:00:00Z",
            "result": {
                "response": {
                    "status_line": "401 Unauthorized", "status_code": 401, "protocol": {"name": "HTTP/1.1", "major": 1, "minor": 1},
                    "headers": {
                        "server": ["App-webs/"], "www_authenticate": ['Digest realm="DS-2CD2143G0-I", nonce="x"'], "content_length": ["5"],
                        "unknown": [{"key": "X-Camera", "value": ["yes"]}],
                    },
                    "body": "<html><title>no</title></html>", "request": {"url": {"scheme": "http"}},
                }
            },
        },
        "ssh": {"status": "success", "protocol": "ssh", "result": {"server_id": {"raw": "SSH-2.0-dropbear", "version": "2.0"}}, "timestamp": "2026-05-01T10:00:01+02:00"},
        "telnet": {"status": "success", "protocol": "telnet", "result": {"banner": "login:"}, "timestamp": "x"},
        "ftp": {"status": "connection-timeout", "protocol": "ftp", "timestamp": "2026-05-01T10:00:01Z", "error": "timeout"},
    },
}  # fmt: skip


def test_zgrab2_lines_of_its_present_shape(tmp_path: Path) -> None:
    lines = (
        json.dumps(ZGRAB, separators=(",", ":"))
        + "\n{broken\n"
        + json.dumps({"ip": "192.0.2.21", "data": {"http": {"status": "connection-refused"}}})
    )
    found, problems = run(tmp_path, "grab.json", lines.encode())
    assert facts(found) == {
        ("192.0.2.20:8080", "port.open", "8080"), ("192.0.2.20:8080", "http.status", "401"), ("192.0.2.20:8080", "http.server", "App-webs/"),
        ("192.0.2.20:8080", "http.realm", "DS-2CD2143G0-I"), ("192.0.2.20:8080", "http.header.x-camera", "yes"),
        ("192.0.2.20:8080", "http.title", "no"), ("192.0.2.20:8080", "http.body", "<html><title>no</title></html>"),
        ("192.0.2.20:22", "port.open", "22"), ("192.0.2.20:22", "ssh.banner", "SSH-2.0-dropbear"),
        ("192.0.2.20:23", "port.open", "23"), ("192.0.2.20:23", "telnet.banner", "login:"),
    }  # fmt: skip
    assert {one.via for one in found} == {"zgrab2"}
    assert next(one for one in found if one.field == "ssh.banner").at == datetime(2026, 5, 1, 8, 0, 1, tzinfo=UTC)
    assert [one.line for one in problems] == [2]


ARP = {
    "ios": "SW1#show ip arp\nProtocol  Address          Age (min)  Hardware Addr   Type   Interface\nInternet  192.0.2.20             12   4419.b600.0020  ARPA   Vlan20\nInternet  192.0.2.9               0   Incomplete      ARPA\n",
    "nxos": "IP ARP Table for context default\nTotal number of entries: 1\nAddress         Age       MAC Address     Interface       Flags\n192.0.2.20      00:14:32  4419.b600.0020  Vlan20\n",
    "eos": "Address         Age (sec)  Hardware Addr   Interface\n192.0.2.20        0:04:22  4419.b600.0020  Vlan20, Ethernet3\n",
    "junos": "MAC Address       Address         Name                      Interface               Flags\n44:19:b6:00:00:20 192.0.2.20      192.0.2.20                irb.20 [ge-0/0/3.0]     none\nTotal entries: 1\n",
    "procurve": "\n IP ARP table\n\n  IP Address       MAC Address       Type    Port\n  ---------------  ----------------- ------- ----\n  192.0.2.20       4419b6-000020     dynamic 3   \n",
    "aoscx": "IPv4 Address     MAC                Port         Physical Port   State\n192.0.2.20       44:19:b6:00:00:20  vlan20       1/1/3           reachable\n",
    "comware": "  Type: S-Static   D-Dynamic   O-Openflow\nIP address      MAC address    VLAN/VSI   Interface                Aging Type\n192.0.2.20      4419-b600-0020 20         GE1/0/3                  19    D\n",
    "vrp": "IP ADDRESS      MAC ADDRESS     EXPIRE(M) TYPE        INTERFACE   VPN-INSTANCE\n192.0.2.20      4419-b600-0020  18        D-0         GE0/0/3\n",
    "routeros": "Flags: X - disabled, I - invalid, H - DHCP, D - dynamic, P - published, C - complete\n #    ADDRESS         MAC-ADDRESS       INTERFACE\n 0 DC 192.0.2.20      44:19:B6:00:00:20 bridge\n",
    "arp-a": "? (192.0.2.20) at 44:19:b6:00:00:20 [ether] on eth0\n? (192.0.2.9) at <incomplete> on eth0\n",
    "bsd": "cam.example (192.0.2.20) at 44:19:b6:0:0:20 on en0 ifscope [ethernet]\n",
    "windows": "\r\nInterface: 192.0.2.1 --- 0x4\r\n  Internet Address      Physical Address      Type\r\n  192.0.2.20            44-19-b6-00-00-20     dynamic   \r\n  192.0.2.255           ff-ff-ff-ff-ff-ff     static    \r\n  224.0.0.22            01-00-5e-00-00-16     static    \r\n",
    "neigh6": "2001:db8::20 dev eth0 lladdr 44:19:b6:00:00:20 router STALE\nfe80::1 dev eth0  FAILED\n",
}
"""Tables in the shape of each program's manual."""


@pytest.mark.parametrize("name", ARP)
def test_arp_tables_as_each_program_prints_them(tmp_path: Path, name: str) -> None:
    found, problems = run(tmp_path, "arp.txt", ARP[name].encode())
    assert {(one.address, one.mac, one.via) for one in found} == {
        ("2001:db8::20" if name == "neigh6" else "192.0.2.20", "44:19:b6:00:00:20", "arp")
    }
    assert problems == []


def test_a_broken_line_of_an_arp_table_is_told_with_its_line(tmp_path: Path) -> None:
    text = ARP["ios"] + "Internet  192.0.2.300  1  4419.b600.0021  ARPA  Vlan20\nInternet  192.0.2.31  1  zz\n"
    found, problems = run(tmp_path, "arp.txt", text.encode())
    assert len(found) == 1
    assert [(one.line, one.problem) for one in problems] == [(5, "an entry without its address"), (6, "an entry without its MAC")]


def test_the_list_of_the_sadp_tool_is_what_devices_answered(tmp_path: Path) -> None:
    head = "ID,Device Type,Status,IPv4 Address,Port,Enhanced SDK Service Port,Software Version,IPv4 Gateway,HTTP Port,Device Serial No.,Subnet Mask,MAC Address,Encoding Channel(s),DSP Version"
    row = "001,DS-2CD2143G0-I,Active,192.0.2.20,8000,8443,V5.6.3build 190923,192.0.2.1,80,DS-2CD2143G0-I20190923AAWR1,255.255.255.0,44-19-b6-00-00-20,1,V7.3 build 190910"
    for text in ((head + "\n" + row + "\n").encode(), (head.replace(",", "\t") + "\n" + row.replace(",", "\t") + "\n").encode("utf-16")):
        found, problems = run(tmp_path, "devices.csv", text)
        told = {one.field: one.value for one in found}
        assert (told["sadp.DeviceDescription"], told["sadp.SoftwareVersion"]) == ("DS-2CD2143G0-I", "V5.6.3build 190923")
        assert (told["sadp.DeviceSN"], found[0].mac, found[0].via) == ("DS-2CD2143G0-I20190923AAWR1", "44:19:b6:00:00:20", "sadp")
        assert problems == []


NMAP_OLD = """<?xml version="1.0"?>
<?xml-stylesheet href="file:///usr/share/nmap/nmap.xsl" type="text/xsl"?>
<nmaprun scanner="nmap" args="nmap -A" start="1298000000" version="5.21" xmloutputversion="1.03">
<scaninfo type="syn" protocol="tcp" numservices="1000" services="1-1000"/>
<host starttime="1298000001" endtime="1298000009"><status state="up" reason="arp-response"/>
<address addr="192.0.2.20" addrtype="ipv4" /><address addr="44:19:B6:00:00:20" addrtype="mac" />
<hostnames></hostnames><ports><extraports state="closed" count="998"><extrareasons reason="resets" count="998"/></extraports>
<port protocol="tcp" portid="80"><state state="open" reason="syn-ack" reason_ttl="64"/><service name="http" product="Hikvision IPCam control port" devicetype="webcam" method="probed" conf="10" />
<script id="html-title" output="Old title" /></port></ports>
<os><portused state="open" proto="tcp" portid="80" /><osclass type="webcam" vendor="Hikvision" osfamily="embedded" accuracy="100" /><osmatch name="Hikvision camera" accuracy="100" line="1" /></os>
</host><runstats><finished time="1298000010" timestr="x"/><hosts up="1" down="0" total="1" /></runstats></nmaprun>"""


def test_nmap_files_of_fifteen_years_ago(tmp_path: Path) -> None:
    found, problems = run(tmp_path, "old.xml", NMAP_OLD.encode())
    told = {(one.field, one.value) for one in found}
    assert {
        ("nmap.product", "Hikvision IPCam control port"),
        ("nmap.devicetype", "webcam"),
        ("nmap.os", "Hikvision camera"),
        ("port.open", "80"),
    } <= told
    assert found[0].at == datetime.fromtimestamp(1298000009, UTC)
    assert problems == []


def test_of_what_passed_by_only_the_sites_own_addresses_are_devices(tmp_path: Path) -> None:
    log = tmp_path / "eve.json"
    lines = [
        {"timestamp": "2026-03-01T00:00:00.0+0000", "event_type": "http", "src_ip": "10.0.0.9", "dest_ip": address, "dest_port": 80, "proto": "TCP",
         "http": {"hostname": "x", "http_port": 80, "status": 200, "http_response_headers": [{"name": "Server", "value": "App-webs/"}]}}
        for address in ("10.0.0.5", "203.0.113.5")
    ]  # fmt: skip
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    strangers = source.Strangers([ip_network("10.0.0.0/8")])
    options = {"wanted": None, "columns": {}, "site": "hq", "scan": "run", "now": NOW}
    everything = {one.address for one in source.read(log, problems=[], **options)}
    own = {one.address for one in source.read(log, problems=[], strangers=strangers, **options)}
    assert everything - own == {"203.0.113.5"}
    assert strangers.count > 0
    chosen = tmp_path / "scan.json"
    chosen.write_text('[{"ip": "203.0.113.5", "timestamp": "1700000000", "ports": [{"port": 80, "proto": "tcp", "status": "open"}]}]\n')
    assert [one.address for one in source.read(chosen, problems=[], strangers=strangers, **options)], "somebody chose to look there"


def test_lines_that_are_not_taken_are_counted_and_told_with_place_and_reason(tmp_path: Path) -> None:
    own = [
        '{"field":"http.title","value":"x","endpoint":"192.0.2.1:80"}',
        '{"field":"http.title","value":"x"}',
        "",
        "x" * (source.MAX_LINE + 1),
        '{"field":"\\u001b[2Jx y","value":"x","device":"a"}',
        '{"field":"mac","value":"44:19:b6:00:00:02","mac":"zz","device":"a"}',
        '{"field":"http.title","value":"y","device":"a","at":"2999-01-01T00:00:00Z"}',
    ]
    found, problems = run(tmp_path, "own.jsonl", ("\n".join(own) + "\n").encode())
    assert [(one.value, one.at) for one in found] == [("x", None), ("44:19:b6:00:00:02", None), ("y", None)]
    assert [(one.line, one.dropped) for one in problems] == [(2, True), (4, True), (5, True), (6, False), (7, False)]
    assert "no device, no MAC and no address" in problems[0].problem
    assert "\x1b" not in problems[2].problem
    masscan = [
        {"ip": ip, "timestamp": "1700000000", "ports": [{"port": port, "status": "open"}]}
        for ip, port in (("192.0.2.1", 554), ("nix", 554), ("192.0.2.1", 0))
    ]
    found, problems = run(tmp_path, "m.json", "\n".join(map(json.dumps, masscan)).encode(), wanted="masscan")
    assert [one.value for one in found] == ["554"]
    assert [(one.line, one.problem) for one in problems] == [(2, "no address"), (3, "no port")]
    grabs = [{"ip": "nix", "data": {}}, {"ip": "192.0.2.1", "data": "none"}]
    found, problems = run(tmp_path, "z.json", "\n".join(map(json.dumps, grabs)).encode(), wanted="zgrab2")
    assert [(one.line, one.problem) for one in problems] == [(1, "no address"), (2, "no results")]
    event = {
        "timestamp": "2026-01-01T00:00:00.000000+0000",
        "event_type": "http",
        "dest_port": 80,
        "http": {"hostname": "x", "server": "a", "response_headers": [{"name": "Server", "value": "b"}]},
    }
    found, problems = run(tmp_path, "eve.json", json.dumps(event).encode(), wanted="suricata")
    assert [(one.line, one.problem) for one in problems] == [(1, "says of whom by no address and no MAC")]
    assert found == []
