"""`[sinks.NAME]` and `[events]`: where events go, in which format, and which secrets are meant (never the secrets themselves)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from netcam.config.reader import Reader
from netcam.config.secrets import SecretRef
from netcam.errors import nearest, shown

FORMATS = ("jsonl", "ecs", "ocsf", "cef", "csv")
SEVERITIES = ("information", "low", "medium", "high")
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
"""RFC 5424, table 1, by number."""
KINDS = (
    "scan-started", "scan-finished", "device-discovered", "device-changed", "device-missing", "device-returned", "policy-finding",
    "firmware-finding", "egress-finding", "coverage-finding", "network-traffic", "digest", "content-updated", "sensor-health",
    "operator-action",
)  # fmt: skip


class EventSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[events]`: the outbox."""

    outbox: str = ""
    """File of the outbox; empty: in the state folder."""
    keep_days: float = 7.0
    """How long delivered events stay for a replay."""
    max_events: int = 1_000_000
    """Events that may wait; above it the oldest are given up, and that is told."""


class SinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every sink has."""

    type: str = ""
    format: str = ""
    """jsonl, ecs, ocsf, cef or csv; empty: what the receiver expects."""
    kinds: tuple[str, ...] = ()
    """Only these kinds of events; empty: all."""
    min_severity: str = "information"
    sites: tuple[str, ...] = ()
    """Only events of these sites; empty: all."""
    events_per_second: int = 0
    """Upper bound; 0: none. A Wazuh agent drops what exceeds 500 a second."""
    timeout_seconds: float = 20.0
    """For one conversation with the receiver."""


MAX_DATAGRAM = 65_507
"""Bytes that one UDP datagram over IPv4 holds: 65,535 without the headers (RFC 768, RFC 791)."""


class TlsSettings(SinkSettings, frozen=True, kw_only=True):
    """A sink that may speak TLS. The receiver's name is always checked."""

    ca: str = ""
    """PEM file of the authorities to trust; empty: the system's."""
    certificate: str = ""
    """PEM file of our certificate, for mutual TLS."""
    key: str = ""
    """PEM file of its key."""


class FileSink(SinkSettings, frozen=True, kw_only=True):
    """Lines in a file, rotated by size."""

    path: str = ""
    max_bytes: int = 100_000_000
    keep: int = 10
    """Rotated files that stay."""


class StdoutSink(SinkSettings, frozen=True, kw_only=True):
    """Lines on standard output."""


class SyslogSink(TlsSettings, frozen=True, kw_only=True):
    """RFC 5424 over UDP (RFC 5426), TCP with octet counting (RFC 6587), or TLS (RFC 5425)."""

    address: str = ""
    """host:port"""
    protocol: str = "tls"
    facility: str = "local4"
    server_name: str = ""
    """Name in the receiver's certificate where it is not the host of the address."""
    enterprise: int = 32473
    """Private enterprise number of the structured data; 32473 is the one for examples (RFC 5612)."""
    max_message: int = 0
    """Bytes of one message; 0: 2,048 over UDP (RFC 5426), 8,192 else, which is what receivers take by default."""


class SplunkSink(TlsSettings, frozen=True, kw_only=True):
    """Splunk HTTP Event Collector."""

    url: str = ""
    """https://host:8088"""
    token: SecretRef = SecretRef("")
    index: str = ""
    source: str = "netcam"
    sourcetype: str = ""
    """empty: netcam:FORMAT"""
    acknowledge: bool = False
    """Wait until the indexer acknowledges; the token must have acknowledgement switched on."""


class ElasticSink(TlsSettings, frozen=True, kw_only=True):
    """Elasticsearch or OpenSearch, `_bulk` with create."""

    url: str = ""
    data_stream: str = "logs-netcam.events-default"
    api_key: SecretRef = SecretRef("")
    username: str = ""
    password: SecretRef = SecretRef("")


class SentinelSink(TlsSettings, frozen=True, kw_only=True):
    """Microsoft Sentinel through the Logs Ingestion API."""

    endpoint: str = ""
    """Address of the data collection endpoint or rule."""
    rule: str = ""
    """Immutable id of the data collection rule, dcr-..."""
    stream: str = "Custom-Netcam_CL"
    tenant: str = ""
    client: str = ""
    client_secret: SecretRef = SecretRef("")
    authority: str = "https://login.microsoftonline.com"
    audience: str = "https://monitor.azure.com"


class KafkaSink(TlsSettings, frozen=True, kw_only=True):
    """Kafka; the key of a message is the device, so that order holds per device."""

    brokers: tuple[str, ...] = ()
    topic: str = "netcam.events.v1"
    tls: bool = False
    mechanism: str = ""
    """SASL mechanism, such as SCRAM-SHA-512; empty: none."""
    username: str = ""
    password: SecretRef = SecretRef("")


class NatsSink(TlsSettings, frozen=True, kw_only=True):
    """NATS; with JetStream each message is acknowledged and repeats are dropped by its id."""

    servers: tuple[str, ...] = ()
    subject: str = "netcam.events"
    """Events go to SUBJECT.SITE.KIND."""
    jetstream: bool = True
    token: SecretRef = SecretRef("")
    credentials: SecretRef = SecretRef("")
    """Credentials file (JWT and seed); must be a file: reference."""


class WebhookSink(TlsSettings, frozen=True, kw_only=True):
    """POST to any address, signed as Standard Webhooks describes."""

    url: str = ""
    secret: SecretRef = SecretRef("")
    """`whsec_` and base64, or any text of 24 bytes or more."""
    authorization: SecretRef = SecretRef("")
    """Value of the Authorization header."""


class NotifySink(SinkSettings, frozen=True, kw_only=True):
    """E-mail and chat through Apprise; one message a batch."""

    urls: tuple[SecretRef, ...] = ()
    """References to Apprise addresses: these hold passwords."""
    min_severity: str = "medium"


SINKS: dict[str, type[SinkSettings]] = {
    "file": FileSink, "stdout": StdoutSink, "syslog": SyslogSink, "splunk": SplunkSink, "elasticsearch": ElasticSink, "opensearch": ElasticSink,
    "sentinel": SentinelSink, "kafka": KafkaSink, "nats": NatsSink, "webhook": WebhookSink, "notify": NotifySink,
}  # fmt: skip

_NEEDED = {
    "file": ("path",), "syslog": ("address",), "splunk": ("url", "token"), "elasticsearch": ("url",), "opensearch": ("url",),
    "sentinel": ("endpoint", "rule", "tenant", "client", "client_secret"), "kafka": ("brokers",), "nats": ("servers",), "webhook": ("url",),
    "notify": ("urls",),
}  # fmt: skip


def read_sink(reader: Reader, told: Any, path: tuple[str, ...]) -> SinkSettings:
    """One table `[sinks.NAME]`. Raises ConfigError."""
    word = told.get("type") if isinstance(told, dict) else None
    if not isinstance(word, str):
        reader.fail((*path, "type"), "is missing", f"write type = one of {', '.join(SINKS)}")
    if word not in SINKS:
        reader.fail((*path, "type"), f"{shown(word)} is no type of sink", nearest(word, SINKS))
    sink: SinkSettings = reader.struct(SINKS[word], told, path)
    for key in _NEEDED.get(word, ()):
        if not getattr(sink, key):
            reader.fail((*path, key), "is missing", f"a sink of type {word} needs {key}")
    _check(reader, sink, path)
    return sink


def _check(reader: Reader, sink: SinkSettings, path: tuple[str, ...]) -> None:
    words: list[tuple[str, str, tuple[str, ...]]] = [("min_severity", sink.min_severity, SEVERITIES)]
    words += [("format", sink.format, FORMATS)] if sink.format else []
    words += [("kinds", kind, KINDS) for kind in sink.kinds]
    if isinstance(sink, SyslogSink):
        words += [("protocol", sink.protocol, ("tls", "tcp", "udp")), ("facility", sink.facility, FACILITIES)]
        host, _, port = sink.address.rpartition(":")
        if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
            reader.fail((*path, "address"), f"{shown(sink.address)} is not host:port", 'write it as "siem.example.org:6514"')
        if sink.max_message and sink.max_message < 480:  # what every receiver must take (RFC 5426 section 3.2)
            reader.fail((*path, "max_message"), f"{sink.max_message} is below 480", "0 takes the usual bound")
        if sink.protocol == "udp" and sink.max_message > MAX_DATAGRAM:  # no system sends it: the sink would stand still for ever
            reader.fail(
                (*path, "max_message"), f"{sink.max_message} is more than a datagram holds ({MAX_DATAGRAM})", "0 takes the usual bound"
            )
    for key, value, valid in words:
        if value not in valid:
            reader.fail((*path, key), f"{shown(value)} is not known", nearest(value, valid))
    for key in ("events_per_second", "timeout_seconds", "max_bytes", "keep"):
        if getattr(sink, key, 1) < 0:
            reader.fail((*path, key), "is below 0", "0 or more")
    for key in ("url", "endpoint", "authority"):
        text = getattr(sink, key, "")
        if text and not re.fullmatch(r"https?://[^\s/@]+(/[^\s@]*)?", text):
            reader.fail(
                (*path, key),
                "is no address without a password in it",
                'write "https://siem.example.org:8088"; secrets have settings of their own',
            )
    if isinstance(sink, NatsSink) and sink.credentials and not sink.credentials.startswith("file:"):
        reader.fail((*path, "credentials"), "is no file: reference", 'write "file:/etc/netcam/nats.creds"')
