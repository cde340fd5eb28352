"""What an operator asks and says: lists with filters, the past, timelines, differences, remarks, locks, joins and splits."""

import itertools
import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from netcam.cli.app import app
from netcam.inventory import open_inventory
from netcam.model import Coverage, CoverageState, Observation, ScanRecord, Site
from netcam.pipeline import judge, store
from tests.identify import shipped

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HIK, AXIS, MOVED = "44:19:b6:00:00:01", "ac:cc:8e:00:00:02", "44:19:b6:00:00:03"
SERIAL = "DS-2CD2042WD-I20160101AAWR001"
SITE = Site(id="hq", site_class="force-estate", jurisdiction="gb-eng")


def sweep(inventory, content, n, seen, *, status="complete", hosts=12):
    """A weekly scan that saw (mac, address, facts), judged and kept as a real one is."""
    at, scan = NOON + timedelta(weeks=n), f"scan-{n}"
    inventory.save_scan(ScanRecord(id=scan, site="hq", started=at, finished=at, status=status))
    for mac, address, facts in seen:
        told = {"mac": mac, **facts} if mac else facts
        inventory.record(
            Observation(field=f, value=v, at=at, site="hq", sensor="s1", endpoint=address, mac=mac, via=f.partition(".")[0], scan=scan)
            for f, v in told.items()
        )
    looked = {address for _, address, _ in seen}
    state = {True: CoverageState.ANSWERED, False: CoverageState.SILENT}
    inventory.cover(scan, [Coverage(address=a, state=state[a in looked]) for n in range(1, hosts) for a in (f"10.0.0.{n}",)])
    store(inventory, scan, judge(inventory.observations(scan=scan), content, SITE, at, inventory=inventory), at)


HIK_FACTS = {
    "http.server": "App-webs/",
    "sadp.DeviceDescription": "DS-2CD2042WD-I",
    "sadp.DeviceSN": SERIAL,
    "sadp.SoftwareVersion": "V5.4.5build 170124",
}
AXIS_FACTS = {"http.title": "AXIS P3245-LVE Network Camera", "onvif.scope.hardware": "P3245-LVE", "onvif.scope.name": "AXIS P3245-LVE"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store of four weeks: an address changes, firmware rises, a camera is gone, comes back, and one is only half looked for."""
    path = tmp_path_factory.mktemp("view") / "netcam.sqlite"
    inventory, content = open_inventory(path, make=True), shipped.content()
    newer = HIK_FACTS | {"sadp.SoftwareVersion": "V5.6.5build 200316"}
    sweep(inventory, content, 0, [(HIK, "10.0.0.5", HIK_FACTS), (AXIS, "10.0.0.6", AXIS_FACTS)])
    sweep(inventory, content, 1, [(HIK, "10.0.0.5", HIK_FACTS)])
    sweep(inventory, content, 2, [(HIK, "10.0.0.9", newer)], status="interrupted")
    sweep(
        inventory, content, 3, [(HIK, "10.0.0.9", newer), (AXIS, "10.0.0.5", AXIS_FACTS), (MOVED, "10.0.0.8", {"http.server": "App-webs/"})]
    )
    inventory.close()
    return path


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    """Runs a command on a copy; gives the JSON lines."""
    shutil.copytree(made.parent, tmp_path / "store")
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)

    def command(*words, code=0, lines=True):
        done = CliRunner().invoke(app, list(words))
        if code:
            assert done.exception is not None
            return str(done.exception)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return [json.loads(line) for line in done.stdout.splitlines()] if lines else done.stdout

    return command


def names(rows):
    return [row["device"] for row in rows]


def test_the_list_is_filtered_sorted_and_cut_by_any_column(run):
    assert names(run("devices")) == [AXIS, MOVED, HIK]
    assert names(run("devices", "--maker", "hikvision", "--where", "model~2042")) == [HIK]
    assert names(run("devices", "--where", "model=")) == [MOVED]
    assert names(run("devices", "--where", "maker!=axis", "--network", "10.0.0.8/31")) == [MOVED, HIK]
    assert names(run("devices", "--sort=-address")) == [HIK, MOVED, AXIS]
    assert {HIK, AXIS} <= set(names(run("devices", "--camera")))
    assert HIK not in names(run("devices", "--no-camera"))
    rows = run("devices", "--columns", "address,maker,last_seen,verdict", "--sort=-maker", "--limit", "2")
    assert [set(row) for row in rows] == [{"type", "address", "maker", "last_seen", "verdict"}] * 2
    assert rows[0]["maker"] >= rows[1]["maker"]
    assert names(run("devices", "--not-seen-since", "2026-03-02")) == []
    table = run("devices", "--format", "table", "--columns", "address,model", lines=False)
    assert "DS-2CD2042WD-I" in table
    for words, told in (
        (("--where", "modell=x"), "did you mean 'model'"),
        (("--where", "nonsense"), "is no condition"),
        (("--columns", "addres"), "did you mean 'address'"),
        (("--sort", "x"), "no column"),
        (("--network", "here"), "is not a network"),
        (("--at", "yesterday"), "is not a date"),
    ):
        assert told in run("devices", *words, code=2)


@pytest.mark.parametrize(
    "words", [(), ("--camera",), ("--maker", "HIKVISION"), ("--where", "kind=camera", "--columns", "all"), ("--where", "model=")]
)
def test_a_limit_gives_the_beginning_of_the_list(run, words):
    whole = run("devices", *words)
    assert whole
    for first in range(1, len(whole) + 2):
        assert run("devices", *words, "--limit", str(first)) == whole[:first]


def test_the_list_of_a_date_is_what_was_known_then(run):
    assert names(run("devices", "--at", "2026-03-01")) == [HIK, AXIS]
    assert run("devices", "--at", "2026-02-01") == []
    (old,) = run("devices", "--at", "2026-03-09", "--where", f"mac={HIK}")
    assert old["addresses"] == ["10.0.0.5"]
    assert "5.4.5" in old["firmware"]


def test_first_and_last_seen_of_a_date_are_as_they_were_then(run):
    told = {line["device"]: (line["first_seen"], line["last_seen"]) for line in run("devices", "--at", "2026-03-10")}
    assert told[HIK] == ("2026-03-01T12:00:00Z", "2026-03-08T12:00:00Z")
    assert told[AXIS] == ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z")
    (told,) = run("devices", "--at", "2026-03-10", "--not-seen-since", "2026-03-05")
    assert told["device"] == AXIS


def test_missing_is_only_what_a_finished_scan_looked_for(run):
    assert names(run("devices", "--missing")) == []
    assert names(run("devices", "--missing", "--at", "2026-03-08")) == [AXIS]
    told = run("devices", "--at", "2026-03-08", "--columns", "device,missing")
    assert {row["device"]: row["missing"] for row in told} == {HIK: None, AXIS: "scan-1"}


def test_a_timeline_tells_changes_by_field_with_source_and_scan(run):
    told = run("timeline", HIK)
    assert all(a["at"] <= b["at"] for a, b in itertools.pairwise(told))
    (moved,) = [e for e in told if e["field"] == "addresses"]
    assert (moved["old"], moved["new"], moved["scan"]) == ("10.0.0.5", "10.0.0.9", "scan-2")
    (firmware,) = [e for e in told if e["field"] == "firmware" and e["old"]]
    assert "sensor s1" in firmware["source"]
    assert firmware["source"].startswith("hikvision/")
    axis = [(e["what"], e["scan"]) for e in run("timeline", AXIS) if e["what"] in ("missing", "returned")]
    assert axis == [("missing", "scan-1"), ("returned", "scan-3")]
    both = {e["device"] for e in run("timeline", "10.0.0.5")}
    assert both == {HIK, AXIS}
    assert "no device" in run("timeline", "10.9.9.9", code=2)
    assert "first seen" in run("timeline", HIK, "--format", "table", lines=False)


def test_differences_between_scans_and_between_dates(run):
    told = {(c["kind"], c["device"], c["field"]) for c in run("diff", "scan-0", "scan-1")}
    assert told == {("missing", AXIS, "")}
    told = {(c["kind"], c["device"]) for c in run("diff", "scan-1", "scan-2")}
    assert ("missing", AXIS) not in told
    told = {(c["kind"], c["device"], c["field"]) for c in run("diff", "2026-03-01", "2026-03-08")}
    assert told == {("missing", AXIS, "")}
    told = {(c["kind"], c["device"], c["field"]) for c in run("diff", "2026-03-08", "2026-03-23")}
    assert {("returned", AXIS, ""), ("new", MOVED, ""), ("changed", HIK, "addresses"), ("changed", HIK, "firmware")} <= told
    assert run("diff", "2026-03-23", "last") == []
    assert "before the first" in run("diff", "2026-03-23", "2026-03-01", code=2)
    assert "no such scan" in run("diff", "scan-9", "last", code=2)


def test_remarks_stand_beside_and_change_no_fact(run):
    before = run("devices")
    run("edit", "remark", "10.0.0.9", "--owner", "Estates", "--location", "Gate", "--tag", "a", "--tag", "b", "--by", "jo")
    told = run("edit", "remark", HIK, "--contract", "C-7", "--untag", "a", "--by", "mo")
    assert told == [
        {"type": "remark", "device": HIK, "site": "hq", "owner": "Estates", "location": "Gate", "contract": "C-7", "tags": ["b"]}
    ]
    (row,) = run("devices", "--where", "owner~estat", "--where", "tags=b")
    assert row["location"] == "Gate"
    facts = [{k: v for k, v in row.items() if k not in ("owner", "location", "contract", "tags")} for row in run("devices")]
    assert facts == before
    assert [e["source"] for e in run("timeline", HIK) if e["what"] == "remark"] == ["jo", "mo"]
    assert "Gate" in run("show", HIK, "--format", "table", lines=False)


def test_a_lock_wins_is_shown_as_the_operators_and_is_taken_back(run):
    told = run("edit", "lock", HIK, "model=DS-9", "maker=Axis", "--reason", "opened it", "--by", "jo")
    (row,) = run("devices", "--where", f"mac={HIK}")
    assert (row["model"], row["maker"], row["locked"]) == ("DS-9", "Axis", ["maker", "model"])
    assert {"Hikvision"} <= {c["value"] for c in row["disputed"] if c["slot"] == "maker"}
    assert {c["fingerprint"] for c in row["because"] if c["slot"] == "model"} == {"operator/jo"}
    assert {line["number"] for line in run("edit", "list")} == {line["number"] for line in told if line["type"] == "lock"}
    assert [line["by"] for line in run("show", HIK) if line["type"] == "lock"] == ["jo", "jo"]
    # it holds over a judgement by newer fingerprints
    run("reidentify")
    assert run("devices", "--where", f"mac={HIK}")[0]["model"] == "DS-9"
    for line in told:
        if line["type"] == "lock":
            run("edit", "withdraw", str(line["number"]), "--by", "jo")
    (row,) = run("devices", "--where", f"mac={HIK}")
    assert (row["model"], row["maker"], row.get("locked")) == ("DS-2CD2042WD-I", "Hikvision", None)
    assert run("edit", "list") == []
    assert "is withdrawn already" in run("edit", "withdraw", str(told[0]["number"]), code=2)
    assert "is no lock" in run("edit", "withdraw", "99", code=2)
    assert "did you mean" in run("edit", "lock", HIK, "modell=x", code=2)
    assert "is not SLOT=VALUE" in run("edit", "lock", HIK, "model", code=2)
    assert run("inventory", "check", lines=False) == ""


def test_devices_are_joined_and_split_and_it_is_undone(run):
    joined = run("edit", "join", "10.0.0.9", "10.0.0.8", "--by", "jo", "--reason", "two cards of one recorder")
    assert names(run("devices")) == [AXIS, HIK]
    (row,) = run("devices", "--where", f"macs={MOVED}")
    assert row["device"] == HIK
    ties = [line for line in run("show", HIK, "--why-same") if line["type"] == "tie"]
    assert "the operator joined them" in {t["because"] for t in ties}
    assert names(run("devices", "--at", "2026-03-22T13:00:00Z")) == [AXIS, MOVED, HIK]
    run("edit", "withdraw", str(joined[0]["number"]), "--by", "jo")
    assert names(run("devices")) == [AXIS, MOVED, HIK]
    split = run("edit", "split", "10.0.0.9", "--by", "jo")
    told = run("devices")
    assert len(told) == 4
    assert {HIK, f"{HIK}~2"} <= set(names(told))
    run("edit", "withdraw", str(split[0]["number"]), "--by", "jo")
    assert names(run("devices")) == [AXIS, MOVED, HIK]
    assert "one device already" in run("edit", "join", HIK, "10.0.0.9", code=2)
    assert run("inventory", "check", lines=False) == ""


def test_a_lock_and_a_remark_follow_a_device_that_is_joined_and_split_again(run):
    locked, *_ = run("edit", "lock", MOVED, "model=DS-9", "--by", "jo")
    run("edit", "remark", HIK, "--contract", "C-7", "--tag", "gate", "--by", "jo")
    run("edit", "remark", MOVED, "--owner", "Estates", "--location", "cellar", "--tag", "gate", "--tag", "old", "--by", "jo")
    joined, *_ = run("edit", "join", HIK, MOVED, "--by", "jo")
    (told,) = [line for line in run("devices") if line["device"] == HIK]
    assert (told["model"], told["owner"], told["contract"], told["tags"]) == ("DS-9", "Estates", "C-7", ["gate", "old"])
    run("edit", "remark", HIK, "--location", "roof", "--by", "mo")
    (held,) = [line for line in run("edit", "list") if line["type"] == "lock"]
    assert (held["device"], held["given"], held["number"]) == (HIK, MOVED, locked["number"])
    events = run("timeline", HIK)
    assert {"lock-follow", "retire"} <= {event["what"] for event in events}
    assert any((event["what"], event["field"], event["new"]) == ("changed", "model", "DS-9") for event in events)
    run("edit", "withdraw", str(joined["number"]), "--by", "jo")
    told = {line["device"]: line for line in run("devices")}
    assert (told[MOVED]["model"], told[HIK]["model"]) == ("DS-9", "DS-2CD2042WD-I")
    assert (told[MOVED]["owner"], told[MOVED]["location"], told[MOVED]["tags"]) == ("Estates", "cellar", ["gate", "old"])
    # its own words stay, so does what somebody wrote since; what was the other's is gone, and the timeline says so
    assert (told[HIK]["contract"], told[HIK]["location"], told[HIK]["tags"]) == ("C-7", "roof", ["gate"])
    assert "owner" not in told[HIK]
    assert {"remark-follow", "remark-back"} <= {event["what"] for event in run("timeline", HIK)} & {
        event["what"] for event in run("timeline", MOVED)
    }
    run("edit", "withdraw", str(locked["number"]), "--by", "jo")
    assert {line["device"]: line.get("model") for line in run("devices")}[MOVED] is None
    assert run("inventory", "check", lines=False) == ""


def test_why_a_device_is_one_is_told_for_a_person_too(run):
    text = run("show", HIK, "--why-same", "--format", "table", lines=False)
    assert "Why this is one device" in text
    assert "serial:" in text
    ties = [line for line in run("show", HIK, "--why-same") if line["type"] == "tie"]
    assert ties[0]["because"] == "first seen"
    assert ties[1]["endpoint"] == "10.0.0.9"


def test_a_report_of_a_scan_and_of_a_site_at_a_date(run, tmp_path):
    run("report", "scan-3", "-o", "scan.html", lines=False)
    run("report", "2026-03-08", "--site", "hq", "-o", "date.csv", lines=False)
    text = (tmp_path / "date.csv").read_text()
    assert HIK in text
    assert MOVED not in text
    assert MOVED in (tmp_path / "scan.html").read_text()


def test_a_finding_is_exported_and_verified_from_the_command_line(run, tmp_path):
    key = next(line["key"] for line in run("show", HIK) if line["type"] == "finding")
    run("evidence", "export", key[:12], "-o", "bundle.zip", lines=False)
    told = run("evidence", "verify", "bundle.zip", lines=False)
    assert told.startswith("whole: finding " + key)
    public = run("evidence", "key", lines=False).strip()
    assert public in told
    assert "compare it with the key that the estate published" in told
    told = run("evidence", "verify", "bundle.zip", "--key", public, lines=False)
    assert "which is the key that was asked for" in told
    assert "compare" not in told
    run("evidence", "verify", "bundle.zip", "--key", public, lines=False)
    data = bytearray((tmp_path / "bundle.zip").read_bytes())
    data[1234] ^= 4
    (tmp_path / "bundle.zip").write_bytes(data)
    broken = CliRunner().invoke(app, ["evidence", "verify", "bundle.zip"])
    assert (broken.exit_code, broken.stdout[:7]) == (1, "BROKEN ")
    assert "not in the inventory" in run("evidence", "export", "ffffff", code=2)
    assert run("evidence", "sign", lines=False) == ""


def test_upkeep_from_the_command_line(run, tmp_path):
    (told,) = run("inventory", "retain", "--dry-run")
    assert (told["dry_run"], told["observations"], told["people"]) == (True, 0, 0)
    run("inventory", "backup", "copy.sqlite", lines=False)
    run("edit", "remark", HIK, "--owner", "x")
    run("inventory", "restore", "copy.sqlite", lines=False)
    assert run("devices", "--where", "owner=x") == []
    assert "already there" in run("inventory", "backup", "copy.sqlite", code=1)


def test_a_camera_that_answers_only_arp_for_a_night_is_still_that_camera(tmp_path):
    inventory, content = open_inventory(str(tmp_path / "n.sqlite"), make=True), shipped.content()
    sweep(inventory, content, 0, [(HIK, "10.0.0.3", HIK_FACTS), (AXIS, "10.0.0.4", AXIS_FACTS)])
    (before,) = (one for one in inventory.identities(site="hq") if HIK in one.macs)
    sweep(inventory, content, 1, [(HIK, "10.0.0.3", {}), (MOVED, "10.0.0.9", {})])
    after = {one.macs[0]: one for one in inventory.identities(site="hq")}
    assert (after[HIK].slots, after[HIK].confidence) == (before.slots, before.confidence)
    assert before.slots["model"] == "DS-2CD2042WD-I"
    # of one that never told more, the network card's maker is all there is
    assert after[MOVED].confidence["maker"] <= 0.5
    # what it tells anew counts again
    sweep(inventory, content, 2, [(HIK, "10.0.0.3", {**HIK_FACTS, "sadp.SoftwareVersion": "V5.5.0build 180101"})])
    (later,) = (one for one in inventory.identities(site="hq") if HIK in one.macs)
    assert later.slots["firmware"] != before.slots["firmware"]


def test_two_devices_of_one_address_are_told_by_their_keys(run, tmp_path):
    inventory = open_inventory(tmp_path / "store" / "netcam.sqlite")
    sweep(inventory, shipped.content(), 4, [(f"44:19:b6:00:00:7{n}", "10.0.0.77", AXIS_FACTS) for n in (1, 2)])
    inventory.close()
    told = run("show", "10.0.0.77", code=1)
    assert "2 devices of site hq have it" in told
    assert "say which by its key: '44:19:b6:00:00:71', '44:19:b6:00:00:72'" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("devices", "--at", "0001-01-01T00:00:00+14:00"), "is not a date or RFC 3339 time"),
        (("devices", "--store", "none.sqlite"), "there is no inventory"),
        (("inventory", "check", "--store", "none.sqlite"), "there is no inventory"),
        (("export", "csv", "-o", "x.csv", "--store", "none.sqlite"), "there is no inventory"),
        (
            ("policy", "except", "10.0.0.2", "x", "--reason", "r", "--approver", "a", "--until", "2030-01-01", "--store", "none.sqlite"),
            "there is no inventory",
        ),
        (("policy", "dispute", "10.0.0.2", "x", "maker", "Axis", "--reason", "r", "--store", "none.sqlite"), "there is no inventory"),
        (("policy", "decisions", "--store", "none.sqlite"), "there is no inventory"),
        (("policy", "end", "1", "--reason", "r", "--store", "none.sqlite"), "there is no inventory"),
        (("policy", "why", "10.0.0.2", "--store", "none.sqlite"), "there is no inventory"),
        (("removal", "open", "--store", "none.sqlite"), "there is no inventory"),
        (("removal", "step", "10.0.0.2", "removed", "--store", "none.sqlite"), "there is no inventory"),
        (("removal", "verify", "--store", "none.sqlite"), "there is no inventory"),
        (("removal", "list", "--store", "none.sqlite"), "there is no inventory"),
        (("edit", "remark", "10.0.0.2", "--owner", "x", "--store", "none.sqlite"), "there is no inventory"),
        (("edit", "withdraw", "1", "--store", "none.sqlite"), "there is no inventory"),
        (("edit", "list", "--store", "none.sqlite"), "there is no inventory"),
        (("explain", "10.0.0.2", "--store", "none.sqlite"), "there is no inventory"),
        (("ask", "--store", "none.sqlite"), "there is no inventory"),
        (("switches", "192.0.2.2", "--store", "none.sqlite"), "there is no inventory"),
        (("catalog", "new", "--store", "none.sqlite"), "there is no inventory"),
        (("inventory", "retain", "--store", "none.sqlite"), "there is no inventory"),
        (("inventory", "upkeep", "--store", "none.sqlite"), "there is no inventory"),
        (("inventory", "backup", "no/such/folder/b"), "no/such/folder/b: its folder is not there"),
        (("inventory", "restore", "noise"), "noise: the file is not an inventory"),
        (("egress", "prune", "--archive", "none"), "holds no flow archive"),
        (("reidentify", "--content", "."), "holds no makers/*.yaml"),
        (("show", "10.99.0.1"), "`netcam devices` lists them"),
    ],
)
def test_nothing_to_read_is_told_and_never_an_empty_answer(run, tmp_path, words, told):
    (tmp_path / "noise").write_bytes(bytes(range(1, 256)) * 9)
    before = names(run("devices"))
    assert told in run(*words, code=1)
    assert not (tmp_path / "none.sqlite").exists()
    assert names(run("devices")) == before


NMAP = """<?xml version="1.0"?>
<nmaprun scanner="nmap" args="nmap -sV 10.0.0.0/24" start="1700000000" version="7.93" xmloutputversion="1.05">
<host starttime="1700000001" endtime="1700000050"><status state="up" reason="arp-response"/>
<address addr="10.0.0.9" addrtype="ipv4"/><address addr="44:19:B6:00:00:01" addrtype="mac" vendor="Hikvision"/>
<ports><port protocol="tcp" portid="80"><state state="open" reason="syn-ack"/><service name="http" product="Hikvision camera" method="probed"/>
</port></ports></host></nmaprun>
"""
TELLING = '[sites.hq]\n[sinks.file]\ntype = "file"\npath = "events.jsonl"\nformat = "jsonl"\n'


def test_last_years_file_brings_nobody_back_and_judging_anew_is_no_sighting(run, tmp_path):
    """A camera that was removed and missed stays gone when an older nmap file that names it is imported, and is back by a newer one."""
    from netcam import config
    from netcam.sinks import dispatch

    home, fifth = tmp_path / "store", NOON + timedelta(weeks=4)
    (tmp_path / "netcam.toml").write_text(TELLING)
    run("removal", "open", HIK, "--rule", "uk-2022-sensitive-sites", lines=False)
    for step in ("confirmed", "isolated", "removed"):
        run("removal", "step", HIK, step, lines=False)
    inventory = open_inventory(home / "netcam.sqlite")
    inventory.save_scan(ScanRecord(id="scan-4", site="hq", started=fifth, finished=fifth, status="complete"))
    inventory.cover("scan-4", [Coverage(address=f"10.0.0.{n}", state=CoverageState.SILENT) for n in range(1, 12)])
    inventory.save_identities("scan-4", [one for one in inventory.identities() if one.device == AXIS], fifth)
    inventory.close()
    outbox = dispatch.open_outbox(config.load(None), home)
    outbox.put((), {}, site="hq", devices={HIK: "missing", AXIS: "present"})
    outbox.close()

    def state():
        (row,) = [row for row in run("devices", "--columns", "device,first_seen,last_seen,missing") if row["device"] == HIK]
        absences = [e["what"] for e in run("timeline", HIK) if e["what"] in ("missing", "returned")]
        (item,) = run("removal", "list", "--format", "jsonl")
        return row["first_seen"][:10], row["last_seen"][:10], bool(row.get("missing")), absences, item["state"]

    def told():
        path = tmp_path / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line["kind"] for line in map(json.loads, lines) if line["kind"] == "device-returned"]

    assert state() == ("2026-03-01", "2026-03-22", True, ["missing"], "removed")
    (tmp_path / "old.xml").write_text(NMAP)
    run("import", "old.xml", "--site", "hq")
    assert state() == ("2023-11-14", "2026-03-22", True, ["missing"], "removed")
    assert told() == []
    (then,) = [row for row in run("devices", "--at", "2099-01-01") if row["device"] == HIK]
    assert then["last_seen"].startswith("2026-03-22"), "and not the day on which the file was read"
    run("edit", "lock", HIK, "model=DS-2CD2042WD-X", "--reason", "read off its label", lines=False)
    assert state() == ("2023-11-14", "2026-03-22", True, ["missing"], "removed")
    (tmp_path / "new.xml").write_text(NMAP.replace("17000000", "17755000"))  # 6 April 2026
    run("import", "new.xml", "--site", "hq")
    assert state()[:4] == ("2023-11-14", "2026-04-06", False, ["missing", "returned"])
    assert told() == ["device-returned"]
