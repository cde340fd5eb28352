"""TLS as a client: TLS 1.2 or newer, the receiver's name always checked, our certificate where one is given."""

from __future__ import annotations

import ssl

from netcam.config.sinks import TlsSettings
from netcam.errors import ConfigError
from netcam.sinks.transport import Opening


def context(settings: TlsSettings, opening: Opening) -> ssl.SSLContext:
    """The context of a sink. Raises ConfigError where a file cannot be used."""
    where = f"sinks.{opening.name}"
    try:
        made = ssl.create_default_context(cafile=str(opening.path(settings.ca)) if settings.ca else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{where}.ca", f"cannot be used: {error}", "a PEM file with the authorities to trust") from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate:
        try:
            made.load_cert_chain(str(opening.path(settings.certificate)), str(opening.path(settings.key)) if settings.key else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{where}.certificate", f"cannot be used: {error}", "PEM files of the certificate and its key") from None
    return made
