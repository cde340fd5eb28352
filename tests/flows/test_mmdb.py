"""An operator's MMDB file stands in for the packaged database: autonomous systems, countries and the file's date, as three publishers write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import frames
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from typer.testing import CliRunner

from netcam.cli.app import app
from netcam.errors import ConfigError
from netcam.flows import origin
from netcam.flows.origin import Network

T0 = 1_764_000_000 * 10**9
BUILT = int(datetime(2026, 3, 9, 12, tzinfo=UTC).timestamp())
SHAPES = {
    "GeoLite2-ASN": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Networks"},
    "DBIP-ASN-Lite (with country)": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Networks", "country": {"iso_code": "NL"}},
    "ipinfo lite": {"asn": "AS64500", "as_name": "Example Networks", "country": "Netherlands", "country_code": "NL"},
    "GeoLite2-Country": {"country": {"iso_code": "NL", "names": {"en": "The Netherlands"}}},
}  # fmt: skip


def database(path: Path, shape: str) -> Path:
    writer = MMDBWriter(6, shape, languages=["en"], description="made by a test", ipv4_compatible=True, int_type="u32")
    writer.insert_network(IPSet(["203.0.113.0/24", "2001:db8:1::/48"]), SHAPES[shape])
    writer.insert_network(IPSet(["198.51.100.0/25"]), SHAPES[shape] | {"autonomous_system_number": 64501, "asn": "AS64501", "country_code": "FR", "country": {"iso_code": "FR"}})  # fmt: skip
    writer.to_db_file(str(path))
    data = path.read_bytes()
    key = b"\x4bbuild_epoch"  # a string of eleven bytes (MaxMind DB format, data section): the writer puts the present time behind it
    at = data.rindex(key) + len(key)
    assert data[at : at + 2] == b"\x04\x02"  # an unsigned 64-bit number in four bytes
    path.write_bytes(data[: at + 2] + BUILT.to_bytes(4, "big") + data[at + 6 :])
    return path


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_each_publishers_members_are_read(tmp_path: Path, shape: str) -> None:
    known = origin.opened(database(tmp_path / "x.mmdb", shape))
    assert known is not None
    assert (known.name, known.date) == (shape, "2026-03-09")
    wanted = Network(
        0 if "Country" in shape else 64500, "" if "Country" in shape else "Example Networks", "" if shape == "GeoLite2-ASN" else "NL"
    )
    assert known.find("203.0.113.9") == known.find("2001:db8:1::77") == wanted
    assert known.find("203.0.114.1") == Network()


def test_analyse_takes_the_file_and_shows_its_name_and_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    file = database(tmp_path / "x.mmdb", "ipinfo lite")
    capture = tmp_path / "a.pcap"
    packets = [frames.ip4("10.0.0.5", end, 17, frames.udp(4000, 8800, b"x" * 900)) for end in ("203.0.113.9", "198.51.100.5", "192.0.2.1")]
    capture.write_bytes(frames.pcap([(T0 + n, frames.ether(packet)) for n, packet in enumerate(packets)]))
    archive = str(tmp_path / "flows")

    def told(*words: str) -> list[dict[str, object]]:
        run = CliRunner().invoke(app, ["egress", *words, "--archive", archive, "--format", "jsonl"])
        assert run.exit_code == 0, run.output
        return [json.loads(line) for line in run.stdout.splitlines()]

    assert told("analyse", str(capture), "--networks", str(file))[-1]["networks"] == "ipinfo lite 2026-03-09"
    rows = told("query", "SELECT destination, asn, operator, country_code FROM flows ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [
        ("192.0.2.1", None, None, None), ("198.51.100.5", 64501, "Example Networks", "FR"), ("203.0.113.9", 64500, "Example Networks", "NL"),
    ]  # fmt: skip


def damaged(path: Path, data: st.DataObject) -> None:
    """Whatever a broken file says, it is refused, or its answers are bounded."""
    whole = bytearray(path.with_suffix(".good").read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        known = origin.opened(path)
    except ConfigError:
        return
    assert known is not None
    for address in ("203.0.113.9", "198.51.100.5", "2001:db8:1::1", "::"):
        found = known.find(address)
        assert isinstance(found.asn, int) and 0 <= found.asn < 10**10
        assert len(found.holder) <= 200 and len(found.country) <= 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_databases_are_refused_or_answer_within_bounds(tmp_path: Path, data: st.DataObject) -> None:
    if not (tmp_path / "x.good").exists():
        database(tmp_path / "x.good", "ipinfo lite")
    damaged(tmp_path / "x.mmdb", data)


@pytest.mark.fuzz
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_databases(tmp_path: Path, data: st.DataObject) -> None:
    if not (tmp_path / "x.good").exists():
        database(tmp_path / "x.good", "ipinfo lite")
    damaged(tmp_path / "x.mmdb", data)
