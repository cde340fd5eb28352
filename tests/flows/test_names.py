"""Names: server names in one or several segments, QUIC, certificates, DNS with its client and time; JA4 and JA4S as published."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ssl
from pathlib import Path

import frames
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.flows import capture, hello, lookups
from netcam.flows.hello import ClientHello
from netcam.flows.table import QUALITY, FlowTable

T0 = 1_764_000_000 * 10**9
S = 10**9


def real_hello(name: str, *, alpn: list[str] | None = None) -> bytes:
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(alpn)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def read(tmp_path: Path, packets: list[tuple[int, bytes]]) -> FlowTable:
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets))
    return capture.read(path)


def segment(at: int, data: bytes, *, seq: int = 1, back: bool = False, port: int = 50000) -> tuple[int, bytes]:
    a, b, s, d = ("203.0.113.9", "10.0.0.5", 443, port) if back else ("10.0.0.5", "203.0.113.9", port, 443)
    return T0 + at, frames.ether(frames.ip4(a, b, 6, frames.tcp(s, d, 0x18, data, seq=seq)), back=back)


def test_ja4_of_the_published_example() -> None:
    suites = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035]
    extensions = [
        0x001B,
        0x0000,
        0x0033,
        0x0010,
        0x4469,
        0x0017,
        0x002D,
        0x000D,
        0x0005,
        0x0023,
        0x0012,
        0x002B,
        0xFF01,
        0x000B,
        0x000A,
        0x0015,
    ]
    signatures = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
    # github.com/FoxIO-LLC/ja4, technical_details/JA4.md
    made = ClientHello(0x0303, [0x0A0A, *suites], [0x1A1A, *extensions], signatures, [0x2A2A, 0x0304, 0x0303], "x", True, b"h2")
    assert made.ja4() == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert ClientHello(0x0303, [], [], [], []).ja4() == "t12i000000_000000000000_000000000000"


def test_a_hello_in_several_segments_is_put_together(tmp_path: Path) -> None:
    data = real_hello("a-very-long-name-of-a-cloud.example.com", alpn=["h2", "http/1.1"])
    parts = [segment(0, data[:150]), segment(1000, data[150:300], seq=151), segment(2000, data[300:], seq=301)]
    table = read(tmp_path, parts)
    assert [(f.name, f.name_source) for f in table] == [("a-very-long-name-of-a-cloud.example.com", "sni")]
    whole = hello.record_hello(data)
    assert whole is not None
    assert table.text("ja4", 0) == whole.ja4()
    assert table.text("alpn", 0) == "h2"
    assert whole.ja4().startswith("t13d")


def test_a_certificate_in_the_clear_names_a_flow_that_nothing_else_names(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "*.auto.example.net")])
    now = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=3650)).sign(key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "c.pem").write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(tmp_path / "c.pem")
    client.check_hostname, client.verify_mode, client.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2
    ends = [ssl.MemoryBIO() for _ in range(4)]
    left, right = client.wrap_bio(ends[0], ends[1]), server.wrap_bio(ends[2], ends[3], server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        left.do_handshake()
    first = ends[1].read()
    ends[2].write(first)
    with pytest.raises(ssl.SSLWantReadError):
        right.do_handshake()
    answer = ends[3].read()
    parts = [segment(0, first)] + [segment(1000 + n, answer[n : n + 400], seq=1 + n, back=True) for n in range(0, len(answer), 400)]
    table = read(tmp_path, parts)
    assert [(f.name, f.name_source) for f in table] == [("auto.example.net", "certificate")]
    assert table.text("certificate", 0) == made.fingerprint(hashes.SHA256()).hex()
    assert table.text("ja4s", 0).startswith("t12")
    assert "auto.example.net" in table.text("issuer", 0)


def quic_initial(client_hello: bytes, pieces: int, *, version: int = 1) -> bytes:
    """A client's Initial (RFC 9001), its hello in CRYPTO frames out of order."""
    salt, label, kind = hello._QUIC[version]
    destination = bytes.fromhex("8394c8f03e515708")
    secret = hello._expand(hmac.new(salt, destination, hashlib.sha256).digest(), b"client in", 32)
    key, vector, cover = (hello._expand(secret, label + name, size) for name, size in ((b" key", 16), (b" iv", 12), (b" hp", 16)))
    step = -(-len(client_hello) // pieces)
    plain = b""
    for offset in reversed(range(0, len(client_hello), step)):
        part = client_hello[offset : offset + step]
        plain += b"\x06" + (0x4000 | offset).to_bytes(2, "big") + (0x4000 | len(part)).to_bytes(2, "big") + part + b"\x01"
    plain = plain.ljust(1162, b"\0")
    head = bytes([0xC3 | kind << 4]) + version.to_bytes(4, "big") + bytes([8]) + destination + b"\0\0"
    head += (0x4000 | len(plain) + 20).to_bytes(2, "big")
    number = (2).to_bytes(4, "big")
    nonce = bytes(a ^ b for a, b in zip(vector, number.rjust(12, b"\0"), strict=True))
    sealed = AESGCM(key).encrypt(nonce, plain, head + number)
    mask = Cipher(algorithms.AES(cover), modes.ECB()).encryptor().update(sealed[:16])
    covered = bytes([head[0] ^ mask[0] & 0x0F]) + head[1:] + bytes(a ^ b for a, b in zip(number, mask[1:], strict=False))
    return covered + sealed


def test_quic_keys_are_those_of_the_standard() -> None:
    secret = hello._expand(
        hmac.new(hello._QUIC[1][0], bytes.fromhex("8394c8f03e515708"), hashlib.sha256).digest(), b"client in", 32
    )  # RFC 9001 appendix A.1
    assert secret.hex() == "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea"
    assert hello._expand(secret, b"quic key", 16).hex() == "1f369613dd76d5467730efcbe3b1a22d"
    assert hello._expand(secret, b"quic iv", 12).hex() == "fa044b2f42a3fd3b46fb255c"
    assert hello._expand(secret, b"quic hp", 16).hex() == "9f50449e04a0e810283a1e9933adedd2"


@pytest.mark.parametrize("version", [1, 0x6B3343CF])
def test_a_quic_initial_gives_its_server_name(tmp_path: Path, version: int) -> None:
    message = real_hello("quic.example.com", alpn=["h3"])[5:]
    datagram = quic_initial(message, 5, version=version)
    table = read(tmp_path, [(T0, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 17, frames.udp(50000, 443, datagram))))])
    assert [(f.name, f.name_source) for f in table] == [("quic.example.com", "quic")]
    assert table.text("ja4", 0).startswith("q13d")
    broken = bytearray(datagram)
    broken[200] ^= 1
    assert hello.quic_initial(bytes(broken)) == {}


def test_a_dns_answer_names_flows_of_its_client_after_it_and_says_when_it_was_stale(tmp_path: Path) -> None:
    def dns(at: int, client: str, name: str) -> tuple[int, bytes]:
        answer = frames.dns_answer(name, "203.0.113.9")
        return T0 + at, frames.ether(frames.ip4("10.0.0.1", client, 17, frames.udp(53, 40000, answer)), back=True)

    def flow(at: int, client: str, port: int) -> tuple[int, bytes]:
        return T0 + at, frames.ether(frames.ip4(client, "203.0.113.9", 17, frames.udp(port, 8800, b"x" * 20)))

    packets = [
        flow(0, "10.0.0.5", 50000), dns(10 * S, "10.0.0.5", "first.example.com"), flow(12 * S, "10.0.0.5", 50001),
        dns(14 * S, "10.0.0.5", "second.example.com"), flow(20 * S, "10.0.0.5", 50002), flow(21 * S, "10.0.0.6", 50003),
        flow(200 * S, "10.0.0.5", 50004),
    ]  # fmt: skip
    table = read(tmp_path, packets)
    named = {
        f.source_port: (f.name, bool(int(table["quality"][n]) & QUALITY["stale_name"]))
        for n, f in enumerate(table)
        if f.source_port > 50000
    }
    assert named == {
        50001: ("first.example.com", False), 50002: ("second.example.com", False), 50003: ("", False), 50004: ("second.example.com", True),
    }  # fmt: skip
    assert next(f for f in table if f.source_port == 50000).name == ""
    assert table.lookups["answered"].tolist() == [1, 1]


def test_questions_of_a_tunnel_keep_their_names(tmp_path: Path) -> None:
    label = bytes(range(1, 60))
    question = b"\0\7\1\0\0\1\0\0\0\0\0\0" + bytes([len(label)]) + label + b"\6tunnel\7example\0" + b"\0\x0a\0\1"
    packet = frames.ether(frames.ip4("10.0.0.5", "10.0.0.1", 17, frames.udp(40000, 53, question)))
    table = read(tmp_path, [(T0, packet)])
    assert table.lookups["type"].tolist() == [10]
    assert table.lookups["answered"].tolist() == [0]
    assert table.lookups["length"].tolist() == [len(label) + len(".tunnel.example")]
    assert table.lookups.names[0].isascii()
    assert "\\001" in table.lookups.names[0]
    assert table.lookups.names[0].endswith(".tunnel.example")


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    hello.record_hello(b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03" + data)
    hello.server_flight(b"\x16\x03\x03\x01\x00\x02\x00\x00\x50\x03\x03" + data)
    hello.quic_initial(b"\xc0\0\0\0\x01" + data)
    lookups.message(data[:4] + b"\0\1\0\1\0\0\0\0" + data)


@pytest.mark.fuzz
@settings(max_examples=20_000, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_fuzz_hellos_and_questions(data: st.DataObject) -> None:
    seeds = [real_hello("x.example.com"), frames.dns_answer("a.example.com", "1.2.3.4"), quic_initial(real_hello("q.example.com")[5:], 3)]
    broken = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(broken[: data.draw(st.integers(0, len(broken)))])
    for reader in (hello.record_hello, hello.server_flight, hello.quic_initial, lookups.message, hello.host_header, hello.user_agent):
        reader(cut)
