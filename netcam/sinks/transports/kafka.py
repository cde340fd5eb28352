"""Kafka: one topic, key = site and device (order per device), acknowledged by all replicas, idempotent; the event id is a header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netcam.config.sinks import KafkaSink
from netcam.errors import ConfigError, SinkError
from netcam.sinks.transport import Item, Opening, Outcome, Transport

_NEVER = frozenset({"MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_RECORD", "INVALID_MSG_SIZE"})
"""Errors that speak of the message: it will never be taken."""


class KafkaReceiver:
    """One producer."""

    def __init__(self, settings: KafkaSink, opening: Opening) -> None:
        try:
            import confluent_kafka
        except ImportError:
            raise ConfigError(f"sinks.{opening.name}", "confluent-kafka is not installed", "pip install 'netcam[sinks]'") from None
        self._settings, self._media, self._format = settings, opening.media_type.encode(), opening.format.encode()
        milliseconds = int(settings.timeout_seconds * 1000)
        asked: dict[str, Any] = {
            "bootstrap.servers": ",".join(settings.brokers), "client.id": "netcam", "acks": "all", "enable.idempotence": True,
            "delivery.timeout.ms": milliseconds, "socket.timeout.ms": max(1000, milliseconds), "message.timeout.ms": milliseconds,
            "linger.ms": 5, "message.max.bytes": 4_000_000, "log_level": 0, "allow.auto.create.topics": True,
        }  # fmt: skip
        asked.pop("delivery.timeout.ms")  # the same setting by its other name
        if settings.tls:
            asked["security.protocol"] = "SASL_SSL" if settings.mechanism else "SSL"
            for key, name in (("ca", "ssl.ca.location"), ("certificate", "ssl.certificate.location"), ("key", "ssl.key.location")):
                if getattr(settings, key):
                    asked[name] = str(opening.path(getattr(settings, key)))
        elif settings.mechanism:
            asked["security.protocol"] = "SASL_PLAINTEXT"
        if settings.mechanism:
            asked |= {"sasl.mechanism": settings.mechanism, "sasl.username": settings.username}
            asked["sasl.password"] = opening.secret(settings.password, "password")
        try:
            self._producer = confluent_kafka.Producer(asked, logger=_silent())
        except confluent_kafka.KafkaException as error:
            raise ConfigError(
                f"sinks.{opening.name}", f"Kafka refuses the settings: {error.args[0].str()}", "see the settings of the sink"
            ) from None

    def send(self, items: Sequence[Item]) -> Outcome:
        """Produce the batch and wait until every message is acknowledged or has failed."""
        results: dict[int, Any] = {}

        def told(seq: int) -> Any:
            return lambda error, _: results.__setitem__(seq, error)

        for item in items:
            headers = [
                ("event-id", item.id.encode()),
                ("content-type", self._media),
                ("format", self._format),
                ("kind", item.kind.encode()),
            ]
            key = f"{item.site}\x1f{item.device}".encode("utf-8", "replace")
            self._producer.produce(
                self._settings.topic, item.body, key, headers=headers, timestamp=int(item.at * 1000), on_delivery=told(item.seq)
            )
        self._producer.flush(self._settings.timeout_seconds + 5)
        never = {seq: error.str() for seq, error in results.items() if error is not None and error.name() in _NEVER}
        held = {item.seq: results[item.seq].str() if results.get(item.seq) else "no acknowledgement" for item in items
                if item.seq not in never and (item.seq not in results or results[item.seq] is not None)}  # fmt: skip
        if held:
            # what is still queued would arrive after what comes again: order holds only if it is thrown away
            self._producer.purge()
            self._producer.flush(1.0)
            if len(held) == len(items):
                raise SinkError(
                    ", ".join(self._settings.brokers), next(iter(held.values())), "are the brokers running, and the topic there?"
                )
        return Outcome(refused=never, retry=held)

    def close(self) -> None:
        """Throw away what is queued: the outbox has it."""
        self._producer.purge()
        self._producer.flush(1.0)


def _silent() -> Any:
    import logging

    logger = logging.getLogger("netcam.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


TRANSPORT = Transport(types=("kafka",), format="jsonl", open=KafkaReceiver, batch=500, partial=True)
