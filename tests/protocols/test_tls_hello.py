"""The hello that reads certificates without agreeing on a key, against the standard library's server side and fixed values."""

from __future__ import annotations

import contextlib
import ssl
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from drive import values
from test_tls import DER, KEY

from netcam.errors import DecodeError
from netcam.protocols import never, tls, tls_hello
from netcam.protocols.commands import Receive, Send, Target

TARGET = Target("192.0.2.7", 443, nonce="7a1e0f52-6a2e-4a51-9d0b-1f1f5a3a9c11")


def _served(tmp_path: Path, hello: bytes, highest: ssl.TLSVersion) -> bytes:
    """What OpenSSL's server side answers to `hello`, by memory alone."""
    (tmp_path / "c.pem").write_bytes(x509.load_der_x509_certificate(DER).public_bytes(serialization.Encoding.PEM))
    (tmp_path / "k.pem").write_bytes(
        KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = highest
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(hello)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(("highest", "version"), [(ssl.TLSVersion.TLSv1_2, None), (ssl.TLSVersion.TLSv1, ["TLSv1"])])
def test_a_server_of_each_version_shows_its_certificate(tmp_path: Path, highest: ssl.TLSVersion, version: list[str] | None) -> None:
    stream = _served(tmp_path, tls_hello.client_hello(TARGET.nonce, "cam.example"), highest)
    found = values(tls_hello.parse(stream))
    assert found["tls.subject"] == ["CN=Dahua Device NVR CA,O=Zhejiang Dahua Technology Co.,Ltd.,C=CN"]
    assert found.get("tls.version") == version
    assert found["tls.ja4s"][0].startswith("t12" if version is None else "t10")


def test_the_talk_sends_one_hello_and_leaves_after_the_certificate(tmp_path: Path) -> None:
    stream = _served(tmp_path, tls_hello.client_hello(TARGET.nonce), ssl.TLSVersion.TLSv1_2) + b"\x16\x03\x03\x00\x04late"
    exchange = tls_hello.talk(TARGET)
    sent, at = b"", 0
    command = next(exchange)
    while True:
        try:
            if isinstance(command, Send):
                sent += command.data
                command = exchange.send(b"")
            else:
                assert isinstance(command, Receive)
                assert command.exactly is not None
                piece = stream[at : at + command.exactly]
                at += len(piece)
                command = exchange.send(piece)
        except StopIteration as stop:
            facts = stop.value
            break
    assert "tls.subject" in values(facts)
    assert sent == tls_hello.client_hello(TARGET.nonce)
    assert never.refuses(sent) is None
    assert at == len(stream) - 9


def test_ja4s_is_the_published_value_for_the_published_choice() -> None:
    # FoxIO's example: TLS 1.3, no ALPN, 0x1301, key_share then supported_versions
    assert tls_hello.ja4s(tls_hello.ServerHello(0x0304, 0x1301, (0x33, 0x2B))) == "t130200_1301_234ea6891581"


@pytest.mark.parametrize(
    "stream", [b"", b"\x15\x03\x01\x00\x02\x02\x28", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x03\x00\x04\x02\x00\x00\x50"]
)
def test_what_is_no_server_hello_is_a_decode_error(stream: bytes) -> None:
    with pytest.raises(DecodeError):
        tls_hello.parse(stream)


def test_a_certificate_that_the_library_refuses_still_names_subject_and_issuer() -> None:
    # version 2 does not exist in certificates of the wild, and the library refuses it
    broken = DER.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020101"), 1)
    found = values(tls.parse(broken))
    assert found["tls.subject"] == ["CN=Dahua Device NVR CA,O=Zhejiang Dahua Technology Co.,Ltd.,C=CN"]
    assert found["tls.serial"] == ["1f2e"]
    assert "in part" in found["tls.raw"][0]
