"""Facts of certificates."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from drive import values
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.errors import DecodeError
from netcam.protocols import tls
from netcam.protocols.commands import TLSInfo

KEY = ec.generate_private_key(ec.SECP256R1())


def _certificate(*, reverse: bool = False) -> bytes:
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Zhejiang Dahua Technology Co.,Ltd."),
        x509.NameAttribute(NameOID.COMMON_NAME, "Dahua Device NVR CA"),
    ]
    name = x509.Name(attributes[::-1] if reverse else attributes)
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 0x1F2E)
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("nvr.local")]), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


DER = _certificate()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_certificate_names_its_subject_most_specific_first_however_it_is_encoded(reverse: bool) -> None:
    found = values(tls.facts(TLSInfo("TLSv1.2", "x", (_certificate(reverse=reverse),))))
    assert found["tls.issuer"] == ["CN=Dahua Device NVR CA,O=Zhejiang Dahua Technology Co.,Ltd.,C=CN"]
    assert found["tls.subject"] == found["tls.issuer"]
    assert found["tls.version"] == ["TLSv1.2"]
    assert found["tls.serial"] == ["1f2e"]
    assert found["tls.not_after"] == ["2040-01-01T00:00:00Z"]
    assert found["tls.san"] == ["nvr.local"]
    assert found["tls.key_bits"] == ["256"]


def test_a_broken_certificate_leaves_the_version_and_is_told() -> None:
    found = values(tls.facts(TLSInfo("TLSv1", "x", (b"\x30\x03\x02\x01\x00",))))
    assert found["tls.version"] == ["TLSv1"]
    assert "cannot be read" in found["tls.raw"][0]


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_certificate_with_one_byte_changed_gives_facts_or_a_decode_error(at: int, byte: int) -> None:
    changed = DER[:at] + bytes([byte]) + DER[at + 1 :]
    try:
        assert {fact.field for fact in tls.parse(changed)} <= tls.FIELDS
    except DecodeError:
        assert changed != DER
