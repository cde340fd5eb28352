"""The spine: collect -> observations -> identities -> findings -> inventory. Knows no protocol, maker or database by name."""

from __future__ import annotations

from netcam.pipeline.anew import WORTH_A_PROCESS, Reidentified, reidentify, rejudge
from netcam.pipeline.calls import (
    SENSITIVE,
    EgressWatch,
    behaviour,
    egress,
    excepted,
    learnt,
    restricted,
    sightings,
    site_rules,
    tell_traffic,
)
from netcam.pipeline.content import Content
from netcam.pipeline.ending import interrupted_by_signal, interruptible, queued, stopped_by_signal, stopping, unfinished
from netcam.pipeline.judging import (
    Judged,
    assess,
    hidden,
    judge,
    judging_content,
    known_devices,
    observed_of,
    recorder_channels,
    sign,
    store,
    wrongly_restricted,
)
from netcam.pipeline.reporting import REPORT_DAYS, SWITCHES, checklists, places, snapshot, snapshot_of, survey
from netcam.pipeline.sweeping import ACTIONS_TOLD, COVERAGE_BATCH, sweep, tell_end, tell_start, unknown

__all__ = [
    "ACTIONS_TOLD",
    "COVERAGE_BATCH",
    "REPORT_DAYS",
    "SENSITIVE",
    "SWITCHES",
    "WORTH_A_PROCESS",
    "Content",
    "EgressWatch",
    "Judged",
    "Reidentified",
    "assess",
    "behaviour",
    "checklists",
    "egress",
    "excepted",
    "hidden",
    "interrupted_by_signal",
    "interruptible",
    "judge",
    "judging_content",
    "known_devices",
    "learnt",
    "observed_of",
    "places",
    "queued",
    "recorder_channels",
    "reidentify",
    "rejudge",
    "restricted",
    "sightings",
    "sign",
    "site_rules",
    "snapshot",
    "snapshot_of",
    "stopped_by_signal",
    "stopping",
    "store",
    "survey",
    "sweep",
    "tell_end",
    "tell_start",
    "tell_traffic",
    "unfinished",
    "unknown",
    "wrongly_restricted",
]
