"""What a policy takes goes, what a present identity rests on stays, the chain still proves, and a dry run removes nothing."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from netcam.errors import ConfigError, StoreError
from netcam.inventory import corrections, engine, signing
from netcam.inventory.port import Remark
from netcam.inventory.restore import damages, restore
from netcam.inventory.retention import Policy, is_persons, pseudonym
from netcam.inventory.sql import SqlInventory
from netcam.model import Claim, Coverage, CoverageState, Finding, Identity, Observation, ScanRecord

START = datetime(2025, 1, 6, 2, tzinfo=UTC)
WEEKS = 40
NOW = START + timedelta(weeks=WEEKS)
CAMERA, PHONE, LAPTOP = "44:19:b6:00:00:01", "da:a1:19:00:00:01", "3c:22:fb:00:00:02"
ALL = Policy()


def week(store, n, *, phone=True):
    """A weekly scan: a camera that says the same each time, a phone and a laptop that were there in the first weeks."""
    at, scan = START + timedelta(weeks=n), f"s{n:02}"
    raw = store.keep(b"answer of week %d" % n)
    here = [(CAMERA, "10.0.0.5")] + ([(PHONE, "10.0.0.6"), (LAPTOP, "10.0.0.7")] if phone and n < 5 else [])
    seen = {}
    for mac, address in here:
        told = [("http.server", "App-webs/"), ("mac", mac)] + ([("http.title", f"week {n}")] if mac == CAMERA else [])
        for name, value in told:
            one = Observation(field=name, value=value, at=at, site="hq", endpoint=address, mac=mac, via="http", scan=scan, raw=raw)
            seen.setdefault(mac, []).append(one)
    store.record(one for some in seen.values() for one in some)
    identities = []
    for mac, address in here:
        kind = {CAMERA: {"kind": "camera"}, PHONE: {}, LAPTOP: {"kind": "computer"}}[mac]
        claim = Claim(slot="kind", value="x", weight=0.9, by="b", because=(seen[mac][0],))
        identities.append(Identity(device=mac, site="hq", slots=kind, because=(claim,), addresses=(address,), macs=(mac,)))
    store.save_identities(scan, identities, at)
    store.save_findings(scan, [Finding(rule="r", kind="policy", device=i.device, site="hq", title=f"t{n % 2}") for i in identities], at)
    store.save_scan(ScanRecord(id=scan, site="hq", started=at, finished=at, status="complete"))
    store.cover(scan, [Coverage(address=f"10.0.0.{k}", state=CoverageState.SILENT) for k in range(9)])


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store of forty weeks, made once."""
    path = tmp_path_factory.mktemp("filled") / "netcam.sqlite"
    made = SqlInventory(path)
    for n in range(WEEKS):
        week(made, n)
    made.close()
    return path


@pytest.fixture
def store(filled, tmp_path):
    shutil.copy(filled, tmp_path / "netcam.sqlite")
    made = SqlInventory(tmp_path / "netcam.sqlite")
    yield made
    made.close()


def test_postgresql_does_the_same(filled, postgres_database, tmp_path, store):
    other = SqlInventory(postgres_database)
    other.home = store.home
    for n in range(WEEKS):
        week(other, n)
    assert other.entries() == store.entries()
    mine, theirs = store.retain(ALL, NOW, by="jo"), other.retain(ALL, NOW, by="jo")
    assert replace(mine, bytes_before=0, bytes_after=0) == replace(theirs, bytes_before=0, bytes_after=0)
    assert everything(other) == everything(store)
    assert other.verify() == []
    other.close()


def everything(store):
    return (
        list(store.observations()), store.identities(), store.findings(), store.scans(), store.history(CAMERA),
        [store.identities(scan=s.id) for s in store.scans()], [store.coverage(s.id) for s in store.scans()],
    )  # fmt: skip


def test_a_dry_run_removes_nothing_and_says_what_the_run_then_does(store):
    before = everything(store)
    told = store.retain(ALL, NOW, by="jo", dry_run=True)
    assert everything(store) == before
    assert list(store.actions(kind="retention")) == []
    done = store.retain(ALL, NOW, by="jo")
    assert (told.observations, told.identities, told.findings, told.people) == (
        done.observations,
        done.identities,
        done.findings,
        done.people,
    )
    assert told.observations > 40
    assert store.retain(ALL, NOW, by="jo", dry_run=True).observations == 0


def test_repeats_go_and_the_first_and_last_sighting_of_every_fact_stay(store):
    store.retain(replace(ALL, people_days=None), NOW, by="jo")
    limit = NOW - timedelta(days=90)
    old = [o for o in store.observations() if o.at < limit and o.mac == CAMERA]
    assert [o.at for o in old if o.field == "http.server"] == [START]
    assert len([o for o in old if o.field == "http.title"]) == len([n for n in range(WEEKS) if START + timedelta(weeks=n) < limit])
    assert store.verify() == []
    assert len(store.history(CAMERA)) == 1


def test_identities_of_old_scans_still_say_what_was_concluded(store):
    before = [[i.slots for i in store.identities(scan=s.id)] for s in store.scans()]
    count = store.retain(replace(ALL, people_days=None), NOW, by="jo").identities
    assert count > 20
    assert [[i.slots for i in store.identities(scan=s.id)] for s in store.scans()] == before
    assert store.identities()[1].because[0].because[0] in list(store.observations())


def test_what_a_present_identity_rests_on_never_goes(store):
    evidence = {seen for i in store.identities() for claim in i.because for seen in claim.because}
    strict = Policy(repeats_days=1, facts_days=1, raw_days=1, coverage_days=1, people_days=None)
    store.retain(strict, NOW + timedelta(days=900), by="jo")
    assert evidence <= set(store.observations())
    assert all(store.raw(seen.raw) is not None for seen in evidence)
    assert min(o.at for o in store.observations() if o.mac == CAMERA) == START
    assert store.verify() == []
    assert store.coverage("s39") != []
    assert store.coverage("s00") == []


def test_people_leave_a_keyed_hash_and_nothing_else(store):
    done = store.retain(ALL, NOW, by="jo")
    assert done.people == 2
    assert [(i.device.startswith("hashed-"), dict(i.slots)) for i in store.identities()] == [
        (False, {"kind": "camera"}),
        *sorted([(True, {}), (True, {"kind": "computer"})], key=lambda pair: [i.slots for i in store.identities()].index(pair[1])),
    ]
    assert {o.mac for o in store.observations()} == {CAMERA}
    assert {f.device for f in store.findings()} == {CAMERA}
    assert store.history(PHONE) == []
    assert store.identities(START) == [i for i in store.identities(START) if i.device == CAMERA]
    assert store.verify() == []
    assert all(device.last_seen == START + timedelta(weeks=4) for device in store.devices() if device.device.startswith("hashed-"))
    # where it stands in the store, a name or an address of a person is nowhere left
    for table in ("observation", "identity", "device", "finding", "finding_head", "identity_scan", "action", "removed", "retired"):
        with store._read() as connection:
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
        for text in (PHONE, LAPTOP, "10.0.0.6", "10.0.0.7"):
            assert not any(text in str(cell) for row in rows for cell in row), table
    assert store.retain(ALL, NOW, by="jo").people == 0
    # numbers of records that went are not given out again
    week(store, WEEKS)
    assert store.verify() == []


def test_a_persons_device_that_the_operator_looks_after_stays(store):
    store.remark(Remark(device=PHONE, site="hq", owner="Control room", at=NOW, by="jo"))
    corrections.lock(store, "hq", LAPTOP, "kind", "computer", NOW, by="jo")
    assert store.retain(ALL, NOW, by="jo").people == 0


@pytest.mark.parametrize(
    ("slots", "macs", "persons"),
    [
        ({"kind": "phone"}, (), True),
        ({"kind": "camera"}, (PHONE,), False),
        ({"kind": "printer"}, (), False),
        ({}, (PHONE,), True),
        ({}, (CAMERA,), False),
        ({}, (), False),
        ({"maker": "Reolink"}, (PHONE,), False),
        ({}, (PHONE, CAMERA), False),
    ],
)
def test_who_counts_as_a_persons_device(slots, macs, persons):
    assert is_persons(Identity(device="d", slots=slots, macs=macs)) is persons


def test_hashed_names_differ_by_site_and_key_and_hold_otherwise():
    assert pseudonym(b"k" * 32, "hq", PHONE) == pseudonym(b"k" * 32, "hq", PHONE)
    assert len({pseudonym(b"k" * 32, "hq", PHONE), pseudonym(b"k" * 32, "h", "q" + PHONE), pseudonym(b"j" * 32, "hq", PHONE)}) == 3


def test_whole_answers_that_nothing_needs_go(store):
    done = store.retain(replace(ALL, raw_days=100, people_days=None), NOW, by="jo")
    assert done.raws > 10
    kept = [store.raw(o.raw) for o in store.observations() if o.at > NOW - timedelta(days=100)]
    assert None not in kept
    (latest,) = {o.raw for o in store.observations() if o.scan == "s39"}
    assert store.raw(latest) is not None


def test_above_its_size_a_store_gives_more_and_says_where_it_cannot(tmp_path):
    store = SqlInventory(tmp_path / "netcam.sqlite")
    for n in range(WEEKS):
        at = START + timedelta(weeks=n)
        store.record(
            Observation(field="f", value=f"{k}" + "x" * 300, at=at, site="hq", endpoint="10.0.0.5", scan=f"s{n}") for k in range(150)
        )
    size = store.size()
    dry = store.retain(Policy(repeats_days=None, max_bytes=size // 3), NOW, by="jo", dry_run=True)
    done = store.retain(Policy(repeats_days=None, max_bytes=size // 3), NOW, by="jo")
    assert dry.bytes_after < size
    assert done.bytes_after <= size // 3
    assert done.notes == ()
    hard = store.retain(Policy(max_bytes=1024 * 1024, repeats_days=None), START + timedelta(weeks=WEEKS), by="jo")
    assert hard.bytes_after <= 1024 * 1024 or "younger than 7 days" in hard.notes[0]
    assert store.verify() == []
    # the file itself got smaller too
    assert (tmp_path / "netcam.sqlite").stat().st_size < size
    store.close()


def test_a_policy_that_would_empty_the_store_is_refused():
    for wrong in ({"repeats_days": 0}, {"people_days": -1}, {"facts_days": 10**6}, {"max_bytes": 5}, {"least_days": 0}):
        with pytest.raises(ConfigError):
            Policy(**wrong)


def test_a_removal_without_its_word_in_the_chain_is_damage(store):
    store.retain(ALL, NOW, by="jo")
    with store._write() as connection:
        connection.exec_driver_sql("DELETE FROM removed WHERE kind = 'observation'")
    assert any("records where" in one.problem for one in store.verify())


def test_writing_stops_before_the_disk_is_full_and_retention_still_works(tmp_path, monkeypatch):
    store = SqlInventory(tmp_path / "netcam.sqlite")
    store.home = tmp_path
    for n in range(20):
        week(store, n)
    usage = engine.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(engine.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(StoreError, match="the disk is full: 1000 bytes"):
        week(store, 21)
    with pytest.raises(StoreError, match="netcam inventory retain"):
        store.act("note", b"", NOW, by="jo")
    assert len(list(store.observations())) > 60
    assert store.retain(ALL, NOW, by="jo").observations > 0
    store.close()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "netcam.sqlite"
    store = SqlInventory(path)
    for n in range(6):
        week(store, n)
    signing.sign_root(store, signing.own_key(store), NOW)
    store.close()
    return path


def test_a_backup_is_checked_whole_and_put_in_place_with_the_old_store_kept(path, tmp_path):
    store = SqlInventory(path)
    store.backup(tmp_path / "backup.sqlite")
    week(store, 7)
    store.close()
    aside = restore(tmp_path / "backup.sqlite", path, NOW)
    back, old = SqlInventory(path), SqlInventory(aside)
    assert len(back.scans()) == 6
    assert len(old.scans()) == 7
    back.close()
    old.close()
    assert damages(path) == []
    fresh = tmp_path / "elsewhere" / "netcam.sqlite"
    assert restore(tmp_path / "backup.sqlite", fresh, NOW) is None
    assert damages(fresh) == []
    assert list(fresh.parent.glob("*restoring*")) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:8192],
        lambda data: b"".join(
            b"\xff" * 200 + data[at + 200 : at + 4096] if at % 12288 == 8192 else data[at : at + 4096] for at in range(0, len(data), 4096)
        ),
        lambda data: data.replace(b"App-webs/", b"App-webs!", 1),
        lambda data: b"no database at all",
        lambda data: b"",
    ],
)
def test_a_damaged_backup_replaces_nothing(path, tmp_path, spoil):
    store = SqlInventory(path)
    store.backup(tmp_path / "backup.sqlite")
    store.close()
    (tmp_path / "backup.sqlite").write_bytes(spoil((tmp_path / "backup.sqlite").read_bytes()))
    before = path.read_bytes()
    if (tmp_path / "backup.sqlite").stat().st_size:
        with pytest.raises(StoreError):
            restore(tmp_path / "backup.sqlite", path, NOW)
        assert path.read_bytes() == before
        assert list(path.parent.glob("*restoring*")) == []
        assert list(path.parent.glob("*before*")) == []
    else:
        with pytest.raises(StoreError, match="empty"):
            restore(tmp_path / "backup.sqlite", path, NOW)


def test_a_store_in_use_is_not_replaced(path, tmp_path):
    store = SqlInventory(path)
    store.backup(tmp_path / "backup.sqlite")
    with store._write() as connection:
        connection.exec_driver_sql("UPDATE scan SET site = site")
        with pytest.raises(StoreError, match="another process"):
            restore(tmp_path / "backup.sqlite", path, NOW)
    store.close()
    assert damages(path) == []
    with pytest.raises(StoreError, match="is not a file"):
        restore(tmp_path / "nothing", path, NOW)
