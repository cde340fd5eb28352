"""The settings file netcam.toml: what may stand in it, and how it says what is wrong."""

from netcam.config.schedules import ScheduleSettings
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
from netcam.config.sinks import EventSettings, SinkSettings

__all__ = [
    "PRIVATE", "EventSettings", "Rates", "ScheduleSettings", "Settings", "SinkSettings", "SiteSettings", "effective", "find", "json_schema",
    "load", "parse",
]  # fmt: skip
