"""Unknown devices become drafts: what they share, nothing that others say too, and a file that the catalog reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.catalog import makers
from netcam.identify import cluster, group, resolve
from netcam.identify.check import check
from netcam.identify.matcher import Matcher
from netcam.model import Observation

AT = datetime(2026, 11, 25, tzinfo=UTC)


def seen(device: str, **facts: str) -> list[Observation]:
    return [Observation(device=device, field=f.replace("_", ".", 1), value=v, at=AT, site="hq", via="http") for f, v in facts.items()]


def found(observations: list[Observation], matcher: Matcher) -> list[cluster.Cluster]:
    groups = group(observations)
    return cluster.clusters(groups, [resolve(k[1], o, matcher.claims(o), matcher.makers) for k, o in groups.items()])


def test_devices_that_share_a_banner_become_one_draft_that_recognises_them(tmp_path: Path, matcher: Matcher) -> None:
    observations = [o for n in range(4) for o in seen(f"z{n}", http_server=f"ZetaCamd/2.{n}", rtsp_realm=f"zeta 00{n}A", http_status="401")]
    (one,) = found(observations, matcher)
    assert set(one.devices) == {"z0", "z1", "z2", "z3"}
    (told,) = list(cluster.write([one], tmp_path / "makers", "Zeta"))
    assert not [p for p in check(tmp_path) if p.is_error]
    ours = Matcher(makers.load(tmp_path), engine="re")
    for n in range(4):
        mine = seen("x", http_server=f"ZetaCamd/2.{n + 5}", rtsp_realm=f"zeta 00{n}A")
        assert resolve("x", mine, ours.claims(mine), ours.makers).get("maker") == "Zeta"
    assert "seen on 2026-11-25, site hq" in told[1].read_text()


def test_generic_servers_and_what_known_makers_say_propose_nothing(matcher: Matcher) -> None:
    assert (
        found([o for n in range(5) for o in seen(f"g{n}", http_server="GoAhead-Webs", http_title="login", tls_serial="77aa")], matcher)
        == []
    )
    axis = [o for n in range(3) for o in seen(f"a{n}", http_realm="AXIS_00408C000001", http_title="Front gate")]
    unknown = [o for n in range(3) for o in seen(f"u{n}", http_title="Front gate")]
    assert found(axis + unknown, matcher) == []


def test_one_device_alone_proposes_nothing(matcher: Matcher) -> None:
    assert found(seen("only", http_server="ZetaCamd/2.1"), matcher) == []


@given(values=st.lists(st.text(min_size=3, max_size=40), min_size=2, max_size=6))
@settings(max_examples=80, deadline=None)
def test_whatever_devices_say_the_draft_fits_its_own_examples(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    observations = [o for n, v in enumerate(values) for o in seen(f"d{n}", http_server=v)]
    groups = group(observations)
    empty = makers.Makers({}, (), "", {})
    matcher = Matcher(empty, engine="re")
    some = cluster.clusters(groups, [resolve(k[1], o, matcher.claims(o), empty) for k, o in groups.items()])
    folder = tmp_path_factory.mktemp("drafts")
    list(cluster.write(some, folder / "makers", ""))
    if some:
        assert not [p for p in check(folder) if p.is_error and "does not match" in p.problem]
