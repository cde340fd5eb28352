"""E-mail and chat through Apprise: one message a batch, a line an event, for people and not for machines."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from netcam.config.sinks import NotifySink
from netcam.errors import ConfigError, SinkError
from netcam.sinks.transport import Item, Opening, Outcome, Transport

_WORDS = ("information", "information", "low", "medium", "high")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# what a chat would read as a mention or as a link to follow
_ACTIVE = re.compile(r"(?i)@(?=\w)|://|<(?=[@!#/a-z])")


def line(item: Item) -> str:
    """An event as a line: level, site, sentence; nothing in it is a mention, a link or markup."""
    text = _ACTIVE.sub(lambda found: found[0][0] + "\u2060" + found[0][1:], _CONTROL.sub(" ", f"{item.site}: {item.message}"))
    return f"{_WORDS[item.severity].upper()}  {text[:400]}"


class NotifyReceiver:
    """All addresses of a sink."""

    def __init__(self, settings: NotifySink, opening: Opening) -> None:
        try:
            import apprise
        except ImportError:
            raise ConfigError(f"sinks.{opening.name}", "apprise is not installed", "pip install 'netcam[sinks]'") from None
        logging.getLogger("apprise").addHandler(logging.NullHandler())
        logging.getLogger("apprise").propagate = False  # its messages hold addresses with passwords
        self._name, self._text = opening.name, apprise.NotifyFormat.TEXT
        self._kinds = (
            apprise.NotifyType.INFO,
            apprise.NotifyType.INFO,
            apprise.NotifyType.INFO,
            apprise.NotifyType.WARNING,
            apprise.NotifyType.FAILURE,
        )
        self._apprise: Any = apprise.Apprise(asset=apprise.AppriseAsset(app_id="netcam", app_desc="netcam", async_mode=False))
        for reference in settings.urls:
            if not self._apprise.add(opening.secret(reference, "urls")):
                raise ConfigError(
                    f"sinks.{opening.name}.urls", f"what {reference} holds is no Apprise address", "see the list of services of Apprise"
                )

    def send(self, items: Sequence[Item]) -> Outcome:
        """Send one message about the batch to every address; one that fails makes the whole batch come again."""
        strongest = max(items, key=lambda item: item.severity)
        title = f"netcam: {line(strongest)[:120]}" if len(items) == 1 else f"netcam: {len(items)} events, {_WORDS[strongest.severity]}"
        body = "\n".join([line(item) for item in items] + ["", f"first event: {items[0].id}"])
        done = self._apprise.notify(body=body, title=title, notify_type=self._kinds[strongest.severity], body_format=self._text)
        if not done:
            raise SinkError(
                f"sinks.{self._name}", "a service of Apprise did not take the message", "check its address and that it can be reached"
            )
        return Outcome()

    def close(self) -> None:
        """Nothing to give back."""


TRANSPORT = Transport(types=("notify",), format="jsonl", open=NotifyReceiver, batch=50)
