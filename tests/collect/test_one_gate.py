"""Only the gate, and the link helper that it starts, may send; nothing else of the room can reach a socket."""

from __future__ import annotations

import ast
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.collect import link, link6, link_sadp, trunk
from netcam.collect.gate import Gate, Rates, StopSwitch
from netcam.collect.scope import Scope, parse_target
from netcam.protocols import never, sadp_link

ROOM = Path(link.__file__).parent
SENDS = {"create_connection", "open_connection", "create_datagram_endpoint", "create_subprocess_exec", "sendto", "start_server", "urlopen"}
NETWORK = {"socket", "ssl", "scapy", "zeroconf", "subprocess", "urllib.request", "http.client", "httpx", "requests"}
ALLOWED = {
    "gate.py": {"socket", "ssl"},
    "link.py": {"socket", "scapy"},
    "link6.py": {"socket", "scapy"},
    "vlan.py": {"subprocess"},  # starts the helper that tags; what passes it has passed the gate
    "interfaces.py": {"socket"},  # asks the kernel about interfaces; sends nothing
    "driver.py": {"ssl"},  # makes the context; the gate starts TLS
    "soap.py": {"httpx", "requests", "requests.structures"},  # their logins and answers as values; see below
}


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(ROOM.glob("*.py")) if p.name not in ("link.py", "link6.py", "link_sadp.py", "trunk.py", "gate.py")],
    ids=lambda p: p.name,
)
def test_no_other_file_opens_a_socket_or_starts_a_program(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
        elif isinstance(node, ast.Attribute):
            assert node.attr not in SENDS, f"{path.name}:{node.lineno} sends by itself"
    assert {name for name in imported if name in NETWORK or name.partition(".")[0] in NETWORK} <= ALLOWED.get(path.name, set())


def test_the_soap_transport_takes_values_from_the_http_libraries_and_no_client() -> None:
    tree = ast.parse((ROOM / "soap.py").read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "httpx"}
    assert used == {"Auth", "BasicAuth", "DigestAuth", "HTTPError", "Request", "Response"}
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("requests")
        for alias in node.names
    }
    assert taken == {"Response", "CaseInsensitiveDict"}


@pytest.mark.parametrize("name", ["link.py", "link6.py", "link_sadp.py", "trunk.py"])
def test_the_link_helper_imports_nothing_of_netcam_but_itself(name: str) -> None:
    path = ROOM / name
    if not path.exists():
        return
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    assert {i for i in imported if i.startswith("netcam")} <= {"netcam.collect.link", "netcam.collect.link6"}


@given(st.binary(max_size=128))
def test_any_frame_is_an_arp_answer_or_nothing(data: bytes) -> None:
    told = link.answer(data)
    if told is not None:
        assert data[12:14] == b"\x08\x06"
        assert len(told[1]) == 17


@given(st.binary(max_size=128) | st.builds(lambda a, b: a[:12].ljust(12, b"x") + b"\x86\xdd\x60" + b, st.binary(), st.binary(max_size=100)))
def test_any_frame_is_an_icmpv6_speaker_or_nothing(data: bytes) -> None:
    told = link6.answer(data)
    if told is not None:
        assert ip_address(told[0]).version == 6
        assert not ip_address(told[0]).is_multicast
        assert len(told[1]) == 17


def test_an_arp_answer_tells_who_speaks_and_a_probe_does_not() -> None:
    head = bytes.fromhex("ffffffffffff 026600000020 0806 0001 0800 06 04 0002 026600000020".replace(" ", ""))
    assert link.answer(head + bytes([10, 66, 0, 32]) + bytes(10)) == ("10.66.0.32", "02:66:00:00:00:20", 2)
    assert link.answer(head + bytes(4) + bytes(10)) is None  # RFC 5227: a probe has no address yet


@pytest.mark.parametrize(
    ("network", "exclude", "done", "runs"),
    [
        ("10.0.0.0/30", [], ["10.0.0.0", "10.0.0.3"], [(1, 2)]),
        ("10.0.0.0/31", [], [], [(0, 1)]),
        ("10.0.0.4/32", [], [], [(4, 4)]),
        ("10.0.0.0/29", ["10.0.0.3"], [], [(0, 2), (4, 7)]),
        ("10.0.0.0/29", ["10.0.0.0/30"], ["10.0.0.6"], [(4, 5), (7, 7)]),
        ("10.0.0.0/29", ["10.0.0.0/24"], [], []),
        ("10.0.0.0/29", ["10.0.0.2-10.0.0.5", "10.0.0.4"], ["10.0.0.1"], [(0, 0), (6, 7)]),
    ],
)
def test_arp_goes_to_the_network_without_exclusions_and_finished_ones(
    network: str, exclude: list[str], done: list[str], runs: list[tuple[int, int]]
) -> None:
    net = parse_target(network)
    scope = Scope(id="x", networks=tuple(net), exclude=tuple(n for text in exclude for n in parse_target(text)))
    gate = Gate(networks=net, scope=scope, rates=Rates(), stop=StopSwitch())
    base = int(parse_target("10.0.0.0")[0].network_address)
    assert gate.arp_targets(net[0], done) == [(base + a, base + b) for a, b in runs]


@given(st.binary(min_size=14, max_size=64), st.integers(1, 4094))
def test_a_tagged_frame_is_the_frame_with_four_bytes_after_its_addresses(frame: bytes, vlan: int) -> None:
    told = trunk.tagged(frame, vlan)
    assert told[:12] + told[16:] == frame
    assert told[12:16] == bytes([0x81, 0x00, vlan >> 8, vlan & 255])  # IEEE 802.1Q: priority 0, not drop eligible


def test_the_filter_of_a_vlan_ends_in_all_or_nothing() -> None:
    steps = trunk.vlan_filter(20)
    assert [s[0] for s in steps[-2:]] == [0x06, 0x06]
    assert (steps[-2][3], steps[-1][3]) == (trunk.LARGEST, 0)
    for at, (code, yes, no, _) in enumerate(steps):
        assert code not in (0x15,) or max(at + 1 + yes, at + 1 + no) < len(steps)


@given(
    st.binary(max_size=120)
    | st.builds(
        lambda op, tail: b"\x21\x02\x01\x42" + bytes(6) + bytes([op, 0]) + tail, st.integers(0, 255), st.binary(min_size=54, max_size=54)
    )
)
def test_the_sadp_helper_sends_the_inquiry_and_nothing_else(payload: bytes) -> None:
    if link_sadp.allowed(payload):
        assert payload[10] == link_sadp.INQUIRY
        assert never.refuses(payload) is None


def test_the_sadp_helper_takes_what_the_codec_makes() -> None:
    assert link_sadp.allowed(sadp_link.inquiry(bytes(6), bytes(4), 7))
