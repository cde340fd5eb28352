"""The settings file netcam.toml: what may stand in it, and how it says what is wrong."""

from netcam.config.retention import RetentionSettings
from netcam.config.schedules import ScheduleSettings
from netcam.config.settings import (
    KEPT,
    PRIVATE,
    Rates,
    Settings,
    SiteSettings,
    differing,
    effective,
    find,
    json_schema,
    keep,
    load,
    parse,
    read_secrets,
)
from netcam.config.sinks import EventSettings, SinkSettings

__all__ = [
    "KEPT", "PRIVATE", "EventSettings", "Rates", "RetentionSettings", "ScheduleSettings", "Settings", "SinkSettings", "SiteSettings", "differing", "effective", "find",
    "json_schema", "keep", "load", "parse", "read_secrets",
]  # fmt: skip
