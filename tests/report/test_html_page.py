"""The page: everything said, nothing hostile alive, nothing loaded from elsewhere."""

import base64
import hashlib
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest

from netcam.assess import decisions, removal
from netcam.inventory.diff import Change
from netcam.inventory.memory import MemoryInventory
from netcam.model import Citation, Claim, Coverage, CoverageState, Finding, Identity, Link, Observation, ScanRecord, Verdict
from netcam.report.html import render
from netcam.report.questions import Checklist, answers
from netcam.report.snapshot import Snapshot

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x1b[2J</style>{{7*7}}"


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


def camera(text="Hikvision", **more):
    seen = Observation(field="http.server", value="App-webs/", at=NOON, endpoint="10.0.0.5:80")
    claim = Claim(slot="maker", value=text, weight=0.9, by="hikvision/app-webs", because=(seen,))
    told = {"device": "d1", "site": "hq", "slots": {"kind": "camera", "brand": "LTS", "maker": text, "model": "CMIP", "firmware": "5.10"}}
    told |= {
        "confidence": {"maker": 0.93},
        "because": (claim,),
        "disputed": (Claim(slot="maker", value="dahua", weight=0.2, by="dahua/x"),),
    }
    told |= {"addresses": ("10.0.0.5",), "macs": ("44:19:b6:00:00:01",), "mac_registrant": "Somebody Ltd"}
    return Identity(**(told | more))


def snapshot(**more):
    policy = Finding(
        rule="uk-2022", kind="policy", device="d1", site="hq", title="Made by a named maker", verdict=Verdict.ADVISORY,
        text="The text says so.",
        reach="It binds departments; this site is outside.", would_change=("another maker",), good_for=date(2026, 2, 1),
        chain=(Link(relation="made by", subject="LTS", object="Hikvision", strength="high", source="banner"),),
        citations=(Citation(id="wms", title="Security Update", published="2022-11-24", url="https://example.org/wms"),),
    )  # fmt: skip
    unknown = Finding(
        rule="uk-2022", kind="policy", device="d2", site="hq", title="Maker unknown", verdict=Verdict.UNKNOWN, text="Not judged."
    )
    clear = Finding(rule="uk-2022", kind="policy", device="d3", site="hq", title="Clear one", verdict=Verdict.NOT_MATCHED)
    egress = Finding(
        rule="beacon", kind="egress", device="d1", site="hq", title="Calls every 60 s", severity="high", subject="203.0.113.9",
        window=("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"), evidence=("60 flows",),
    )  # fmt: skip
    scan = ScanRecord(
        id="s-17", site="hq", targets=("10.0.0.0/29",), started=NOON, finished=NOON, status="complete",
        totals={"answered": 3, "sent.http": 41}, notes=("no raw socket: ARP was not asked",),
    )  # fmt: skip
    states = [CoverageState.ANSWERED] * 3 + [CoverageState.SILENT, CoverageState.NOT_REACHED]
    told = {
        "generated_at": NOON, "scan": scan, "content": {"catalog": "abc123"},
        "identities": (
            camera(), Identity(device="d2", site="hq", addresses=("10.0.0.9",)), Identity(device="d3", slots={"kind": "printer"}),
        ),
        "findings": (policy, unknown, clear, egress),
        "coverage": tuple(Coverage(address=f"10.0.0.{n}", state=state, reason="why" * n) for n, state in enumerate(states)),
        "changes": (Change(kind="changed", device="d1", field="firmware", old="5.9", new="5.10"),),
    }  # fmt: skip
    return Snapshot(**(told | more))


def test_the_page_says_what_was_found_and_what_was_not_looked_at():
    words = Page(render(snapshot())).words
    for told in (
        "LTS", "Hikvision", "CMIP", "5.10", "93 %", "10.0.0.5", "Somebody Ltd", "whose network chip", "hikvision/app-webs",
        "http.server: App-webs/", "Signals that say otherwise", "advisory", "Security Update, 2022-11-24", "https://example.org/wms",
        "this site is outside",
        "another maker",
        "Calls every 60 s", "203.0.113.9", "60 flows", "1 addresses were not reached", "nothing says what it is", "sent.http", "41",
        "no raw socket: ARP was not asked", "abc123", "firmware", "5.9", "Unknown is never a pass", "s-17", "2026-03-01 12:00 UTC",
    ):  # fmt: skip
        assert told in words, told
    assert "illegal" not in words.lower()


def test_a_clear_verdict_is_counted_and_not_listed_among_what_is_said():
    words = Page(render(snapshot())).words
    assert "Clear one" not in words
    assert re.search(r"not matched\s+1", words)


def test_the_page_loads_nothing_and_runs_nothing():
    text = render(snapshot())
    page = Page(text)
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "svg"} == set()
    for tag, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on")} | (set(attributes) & {"src", "style", "action"}), tag
        assert attributes.get("href", "#").startswith("#")
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "@import" not in style
    assert "url(" not in style


def test_hostile_text_in_every_place_stays_text():
    hostile = Finding(
        rule=HOSTILE, kind="policy", device=HOSTILE, site=HOSTILE, title=HOSTILE, verdict=Verdict.REVIEW, text=HOSTILE, reach=HOSTILE,
        action=HOSTILE, would_change=(HOSTILE,),
        chain=(Link(relation=HOSTILE, subject=HOSTILE, object=HOSTILE, strength=HOSTILE, source=HOSTILE),),
        citations=(Citation(id="x", title=HOSTILE, published=HOSTILE, url="javascript:" + HOSTILE),),
    )  # fmt: skip
    egress = Finding(
        rule=HOSTILE,
        kind="egress",
        device=HOSTILE,
        title=HOSTILE,
        text=HOSTILE,
        subject=HOSTILE,
        evidence=(HOSTILE,),
        window=(HOSTILE, HOSTILE),
    )
    firmware = Finding(rule=HOSTILE, kind="firmware", device=HOSTILE, title=HOSTILE, text=HOSTILE, subject=HOSTILE)
    claim = Claim(slot=HOSTILE, value=HOSTILE, weight=0.5, by=HOSTILE, because=(Observation(field=HOSTILE, value=HOSTILE),))
    who = Identity(
        device=HOSTILE, site=HOSTILE, slots={"kind": "camera", "brand": HOSTILE, "maker": HOSTILE, "model": HOSTILE, "serial": HOSTILE},
        because=(claim,), disputed=(claim,), addresses=(HOSTILE,), macs=(HOSTILE,), mac_registrant=HOSTILE, unknown_fields=(HOSTILE,),
    )  # fmt: skip
    strange = Identity(device=HOSTILE + "2", unknown_fields=(HOSTILE,), addresses=(HOSTILE,))
    scan = ScanRecord(id=HOSTILE, site=HOSTILE, status=HOSTILE, profile=HOSTILE, targets=(HOSTILE,), notes=(HOSTILE,), totals={HOSTILE: 1})
    page = Page(
        text := render(
            Snapshot(
                generated_at=NOON,
                title=HOSTILE,
                scan=scan,
                identities=(who, strange),
                findings=(hostile, egress, firmware),
                coverage=(Coverage(address=HOSTILE, state=CoverageState.EXCLUDED, reason=HOSTILE),),
                changes=(Change(kind="changed", device=HOSTILE, field=HOSTILE, old=HOSTILE, new=HOSTILE),),
                content={HOSTILE: HOSTILE},
                limits=(HOSTILE,),
            )
        )
    )
    assert {tag for tag, _ in page.tags} & {"script", "img"} == set()
    assert [t for t, _ in page.tags].count("style") == 1
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", text)
    assert "{{7*7}}" in page.words
    assert "49" not in page.words


def test_an_empty_snapshot_claims_nothing():
    words = Page(render(Snapshot(generated_at=NOON))).words
    assert "cannot say which addresses were looked at" in words
    assert "No policy was applied. That is no statement about any device." in words
    assert "a clean result only where traffic was analysed" in words


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_a_scan_that_did_not_end_says_so(status):
    words = Page(render(snapshot(scan=ScanRecord(id="s", site="hq", status=status)))).words
    assert f"did not end: it is {status}" in words


def test_the_same_snapshot_gives_the_same_bytes():
    assert render(snapshot()) == render(snapshot())


def test_a_snapshot_of_a_scan_holds_that_scan_and_one_without_holds_the_latest():
    inventory = MemoryInventory()
    one, two = ScanRecord(id="s1", site="hq"), ScanRecord(id="s2", site="hq")
    inventory.save_identities("s1", [camera(catalog="c1")], NOON)
    inventory.save_identities("s2", [camera("Dahua", catalog="c2"), camera(device="d9", site="north")], NOON.replace(hour=13))
    inventory.cover("s1", [Coverage(address="10.0.0.5", state=CoverageState.ANSWERED)])
    first = Snapshot.of(inventory, one, generated_at=NOON)
    assert ([i.get("maker") for i in first.identities], len(first.coverage), first.content) == (["Hikvision"], 1, {"catalog": "c1"})
    assert len(Snapshot.of(inventory, two, generated_at=NOON).identities) == 2
    latest = Snapshot.of(inventory, generated_at=NOON, site="hq")
    assert [i.get("maker") for i in latest.identities] == ["Dahua"]
    assert [i.get("maker") for i in Snapshot.of(inventory, generated_at=NOON, site="hq", at=NOON).identities] == ["Hikvision"]


def test_an_exception_marks_the_finding_and_hides_nothing():
    from tests.assess.test_decisions import Act

    taken = snapshot()
    finding = next(f for f in taken.findings if f.rule == "uk-2022" and f.device == "d1")
    body = decisions.exception(finding, reason="lease ends <b>", approver="SIRO", until=date(2026, 6, 1), on=date(2026, 3, 1))
    held = decisions.fold([Act(1, decisions.EXCEPTION, body)])
    page = Page(render(snapshot(decisions=held))).words
    assert "Excepted. Excepted until 2026-06-01, approved by SIRO" in page and "lease ends <b>" in page and "Made by a named maker" in page
    late = snapshot(decisions=held, generated_at=NOON.replace(year=2027))
    assert "Exception lapsed" in Page(render(late)).words and finding in late.raised()
    assert finding not in snapshot(decisions=held).raised()


def test_the_removal_programme_stands_on_the_page_with_its_burn_down():
    from tests.assess.test_removal import programme

    items = tuple(removal.fold(programme(("confirmed", 2), ("removed", 10))).values())
    page = Page(render(snapshot(removals=items, generated_at=NOON.replace(month=12)))).words
    assert "Removal programme" in page and "removed" in page and "Estates" in page and "Burn-down" in page


def test_every_camera_carries_the_questions_with_what_is_not_known():
    asked = Checklist(
        title="Questions of NPSA and NCSC",
        questions=(("Where does it send?", "sends"), ("Who can reach it?", "reached"), ("Who decided?", "")),
    )
    page = Page(render(snapshot(checklists=(asked,)))).words
    assert "It was seen talking to 203.0.113.9" in page and "it answered there on port 80" in page and "For the keeper to answer." in page
    assert answers(Identity(device="x", slots={"kind": "camera"}), ())["sends"].startswith("Not known.")


def test_what_is_on_record_of_a_badge_stands_beside_it_with_its_strength():
    one = camera(slots={"kind": "camera", "brand": "Acme"})
    told = {("Acme", None): [f"Acme -> Maker  strength low: {HOSTILE}"]}
    page = render(Snapshot(generated_at=NOON, identities=(one,), relations=told))
    assert "Acme -> Maker strength low" in Page(page).words
    assert "nothing on this device shows it" in Page(page).words
    assert "<script>alert" not in page
    proven = camera(slots={"kind": "camera", "brand": "Acme", "maker": "Maker"})
    page = Page(render(Snapshot(generated_at=NOON, identities=(proven,), relations={("Acme", "Maker"): ["Acme -> Maker  strength low"]})))
    assert "strength low" in page.words
    assert "nothing on this device shows it" not in page.words
