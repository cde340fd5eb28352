"""Certificates as cameras of 2012 carry them: RSA 1024, SHA-1, expired; and server contexts that still speak TLS 1.0."""

from __future__ import annotations

import datetime
import functools
import hashlib
import ssl
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from netcam.errors import ContentError, shown

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

KEY_BITS = 1024
"""As small as the cameras'; OpenSSL 3 takes it at security level 0 only."""
FROM = datetime.datetime(2012, 1, 1, tzinfo=datetime.UTC)
UNTIL = datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)
"""Ten years, over: the usual state of a factory certificate in the field."""

_SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")
"""DigestInfo of SHA-1 (RFC 8017 section 9.2, note 1)."""
_SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
_SHA1_WITH_RSA = bytes.fromhex("300d06092a864886f70d0101050500")
"""AlgorithmIdentifier of both signatures (RFC 3279 section 2.2.1, RFC 4055): the same length, so one can take the other's place."""
_ATTRIBUTES = {
    "CN": "COMMON_NAME",
    "O": "ORGANIZATION_NAME",
    "OU": "ORGANIZATIONAL_UNIT_NAME",
    "C": "COUNTRY_NAME",
    "L": "LOCALITY_NAME",
    "ST": "STATE_OR_PROVINCE_NAME",
    "emailAddress": "EMAIL_ADDRESS",
}
_VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2}


@functools.cache
def old_tls(subject: str, issuer: str, newest: str = "1.2", *, owner: str = "") -> ssl.SSLContext:
    """A server context of TLS 1.0 up to `newest`, with a certificate of `subject` (`CN=..,O=..`) that SHA-1 and RSA 1024 protect.

    Its serial number is made from `owner` too: two devices of one subject have certificates of their own.
    """
    if newest not in _VERSIONS:
        raise ContentError("scenario", f"no TLS version {shown(newest)}", f"valid: {', '.join(_VERSIONS)}")
    certificate, key = _made(subject, issuer, owner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns that TLS 1.0 is old; that is the point
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = _VERSIONS[newest]
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        Path(file.name).write_bytes(ssl.DER_cert_to_PEM_cert(certificate).encode() + key)
        context.load_cert_chain(file.name)
    return context


def _made(subject: str, issuer: str, owner: str) -> tuple[bytes, bytes]:
    """A certificate in DER and its private key in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns about the small key
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        made = (
            x509.CertificateBuilder()
            .subject_name(distinguished(subject))
            .issuer_name(distinguished(issuer))
            .public_key(key.public_key())
            .serial_number(int.from_bytes(hashlib.sha256(f"{subject}|{issuer}|{owner}".encode()).digest()[:8], "big"))
            .not_valid_before(FROM)
            .not_valid_after(UNTIL)
            .sign(key, hashes.SHA256())
        )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _signed_again(made, key), pem


def _signed_again(made: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    """The certificate signed with SHA-1 instead (PKCS #1 v1.5): libraries of today refuse to make one."""
    body = made.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA, 1)
    size = KEY_BITS // 8
    digest = _SHA1_INFO + hashlib.sha1(body).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    numbers = key.private_numbers()
    signature = pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n).to_bytes(size, "big")
    inner = body + _SHA1_WITH_RSA + b"\x03" + _length(size + 1) + b"\x00" + signature
    return b"\x30" + _length(len(inner)) + inner


def _length(size: int) -> bytes:
    """A DER length (X.690 section 8.1.3)."""
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def distinguished(text: str) -> x509.Name:
    """`CN=..,O=..` (RFC 4514, most specific first) as a name. Raises ContentError at an attribute it does not know."""
    from cryptography import x509

    attributes = []
    for part in reversed(text.split(",")):
        key, _, value = part.partition("=")
        if key.strip() not in _ATTRIBUTES or not value:
            raise ContentError("scenario", f"certificate name {shown(text)}", f"write CN=..,O=.. with {', '.join(_ATTRIBUTES)}")
        attributes.append(x509.NameAttribute(getattr(x509.NameOID, _ATTRIBUTES[key.strip()]), value))
    return x509.Name(attributes)
