"""Facts of a TLS handshake: the version agreed and what the leaf certificate says of itself (RFC 5280). Nothing is trusted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from netcam.errors import DecodeError
from netcam.model import Fact, rfc3339
from netcam.protocols import ber, decoding
from netcam.protocols.commands import TLSInfo

if TYPE_CHECKING:
    from cryptography import x509

MAX_CERTIFICATE = 65_536
"""Bytes of one certificate: real ones are under 4 kB."""
MAX_NAMES = 100
"""Alternative names kept, and attributes of one name."""

FIELDS = frozenset(
    {"tls.version", "tls.subject", "tls.issuer", "tls.san", "tls.serial", "tls.not_before", "tls.not_after", "tls.key_bits", "tls.raw"}
)

_SHORT = {
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.3": "CN",
    "1.2.840.113549.1.9.1": "emailAddress",
    "2.5.4.11": "OU",
    "2.5.4.10": "O",
    "2.5.4.9": "STREET",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.17": "postalCode",
    "2.5.4.6": "C",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
"""Attribute type -> name (RFC 4519). The order is the one in which a name is written, most specific first."""
_VERSION_TAG, _BMP_STRING = 0xA0, 0x1E
_RANK = {oid: rank for rank, oid in enumerate(_SHORT)}


def facts(info: TLSInfo) -> list[Fact]:
    """Facts of a handshake; a certificate that cannot be read leaves the version."""
    found = decoding.Facts()
    found.add("tls.version", info.version)
    if info.certificates:
        try:
            found.extend(parse(info.certificates[0]))
        except DecodeError as error:
            found.add("tls.raw", f"certificate that cannot be read: {error}")
    return found.done()


def parse(der: bytes) -> list[Fact]:
    """Facts of one certificate in DER. Raises DecodeError."""
    from cryptography import x509

    if len(der) > MAX_CERTIFICATE:
        raise DecodeError(f"certificate of more than {MAX_CERTIFICATE} bytes")
    found = decoding.Facts()
    with warnings.catch_warnings():
        # cameras have serial numbers of zero and dates in the wrong type; that is worth no warning, they are not trusted
        warnings.simplefilter("ignore")
        try:
            certificate = x509.load_der_x509_certificate(der)
        except (ValueError, TypeError, x509.InvalidVersion) as error:
            return _names_only(der, str(error)[:100])
        # each part is decoded on first use, and one broken part must not hide the others
        _part(found, "tls.subject", lambda: [_name(certificate.subject)])
        _part(found, "tls.issuer", lambda: [_name(certificate.issuer)])
        _part(found, "tls.serial", lambda: [f"{certificate.serial_number:x}"])
        _part(found, "tls.not_before", lambda: [_time(certificate.not_valid_before_utc)])
        _part(found, "tls.not_after", lambda: [_time(certificate.not_valid_after_utc)])
        _part(found, "tls.key_bits", lambda: [str(getattr(certificate.public_key(), "key_size", ""))])
        _part(found, "tls.san", lambda: _alternatives(certificate))
    return found.done()


def _part(found: decoding.Facts, field: str, read: Callable[[], list[str]]) -> None:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        for value in read():
            found.add(field, value)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.DuplicateExtension, OverflowError):
        return


def _names_only(der: bytes, why: str) -> list[Fact]:
    """Serial number, issuer and subject of a certificate that the library refuses, by walking its outer structure (RFC 5280, 4.1)."""
    try:
        _, certificate, _ = ber.read(der)
        _, body, _ = ber.read(certificate)
        fields = [part for part in ber.parts(body) if part[0] != _VERSION_TAG][:5]
        if [tag for tag, _ in fields] != [ber.INTEGER, *[ber.SEQUENCE] * 4]:
            raise DecodeError(why)
        found = decoding.Facts()
        found.add("tls.subject", _written(_attributes(fields[4][1])))
        found.add("tls.issuer", _written(_attributes(fields[2][1])))
        found.add("tls.serial", fields[0][1][:64].hex().lstrip("0") or "0")
    except DecodeError:
        raise DecodeError(f"no certificate: {why}") from None
    found.add("tls.raw", f"certificate read in part: {why}")
    return found.done()


def _attributes(name: bytes) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for _, group in ber.parts(name):
        for _, attribute in ber.parts(group):
            pair = list(ber.parts(attribute))
            if len(pair) == 2 and pair[0][0] == ber.OID:
                charset = "utf-16-be" if pair[1][0] == _BMP_STRING else ""
                value = pair[1][1].decode(charset, "replace") if charset else decoding.decoded(pair[1][1])
                found.append((ber.dotted(pair[0][1]), value))
    return found


def _name(name: x509.Name) -> str:
    return _written([(attribute.oid.dotted_string, _value(attribute.value)) for attribute in name])


def _written(attributes: list[tuple[str, str]]) -> str:
    """A distinguished name most specific first; attributes of one kind in the order of RFC 4514 (last encoded first)."""
    ordered = attributes[:MAX_NAMES]
    ordered.reverse()
    ordered.sort(key=lambda attribute: _RANK.get(attribute[0], len(_RANK)))
    return ",".join(f"{_SHORT.get(kind, kind)}={decoding.line(value, 512)}" for kind, value in ordered)


def _value(value: str | bytes) -> str:
    return value if isinstance(value, str) else decoding.decoded(value)


def _time(at: datetime) -> str:
    return rfc3339(at, "seconds")


def _alternatives(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in list(names)[:MAX_NAMES] if isinstance(name, x509.DNSName | x509.IPAddress | x509.RFC822Name)]
