"""Records with defaults for what every store is tried with."""

from datetime import UTC, date, datetime, timedelta

from netcam.model import Citation, Claim, Finding, Identity, Link, Observation, Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSTILE = [
    "\x00",
    "\ud800x",
    "\x1a0;",
    "\u202eevil",
    "a\r\nb",
    "=cmd()",
    "",
    "\u00e9",
    "e\u0301",
    "\U0001f4f7" * 5,
    "'; DROP TABLE observation;--",
]


def seen(value="App-webs/", *, field="http.server", at=NOON, **more):
    return Observation(field=field, value=value, at=at, **({"endpoint": "10.0.0.5:80", "site": "hq", "via": "http"} | more))


def identity(device="d1", *, maker="hikvision", model="DS-2", site="hq", at=NOON, **more):
    claim = Claim(slot="maker", value=maker, weight=0.9, by="hikvision/app-webs", origin="web", because=(seen(at=at, device=device),))
    lost = Claim(slot="maker", value="dahua", weight=0.1, by="dahua/guess", because=())
    told = {"slots": {"kind": "camera", "maker": maker, "model": model}, "confidence": {"maker": 0.123456789, "kind": 0.9}}
    told |= {"because": (claim,), "disputed": (lost,), "addresses": ("10.0.0.5",), "macs": ("44:19:b6:00:00:01",)}
    return Identity(device=device, site=site, **(told | more))


def finding(device="d1", *, verdict=Verdict.ADVISORY, site="hq", rule="uk-2022", **more):
    return Finding(
        rule=rule, kind="policy", device=device, site=site, title="Made by a named maker", verdict=verdict, good_for=date(2026, 2, 1),
        chain=(Link(relation="made by", subject="d1", object="hikvision", strength="high", source="banner"),),
        citations=(Citation(id="hcws386", title="Security Update", published="2022-11-24"),), window=("a", "b"), **more,
    )  # fmt: skip
