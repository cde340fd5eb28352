"""The settings file netcam.toml: what may stand in it, and how it says what is wrong."""

from netcam.config.settings import (
    PRIVATE,
    Rates,
    Settings,
    SiteSettings,
    effective,
    find,
    json_schema,
    load,
    parse,
)

__all__ = [
    "PRIVATE", "Rates", "Settings", "SiteSettings", "effective", "find", "json_schema", "load", "parse",
]  # fmt: skip
