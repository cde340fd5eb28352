"""A destination is explained to the devices of its maker: the two files must spell that maker alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcam.identify.check import check

MAKER = (
    "maker: Acme\nalso_called: [Acme Vision]\nbrands:\n- {name: Acme, own: true, source: made for this test}\n- {name: Roadrunner, source: made for this test}\n"
    "fingerprints:\n- id: acme/x\n  field: http.server\n  match: acme-httpd\n  says: {maker: Acme}\n  weight: '0.5'\n"
    "  examples:\n  - {see: acme-httpd, source: made for this test}\n"
)


@pytest.mark.parametrize(
    ("maker", "more", "cure"),
    [
        ("Acme", "", ""),
        ("Roadrunner", "", ""),
        ("Nobody", "platform: true\n", ""),
        ("Acme Vision", "", "write Acme"),
        ("acme", "", "write Acme"),
        ("Nobody", "", "mark the file as platform"),
    ],
)
def test_a_destination_of_no_known_maker_is_told(tmp_path: Path, maker: str, more: str, cure: str) -> None:
    (tmp_path / "makers").mkdir()
    (tmp_path / "destinations").mkdir()
    (tmp_path / "makers" / "acme.yaml").write_text(MAKER)
    (tmp_path / "destinations" / "acme.yaml").write_text(
        f"maker: {maker}\n{more}sources: {{a: made for this test}}\ndestinations:\n- {{exact: cloud.acme.example, purposes: [cloud_api], source: [a], confidence: high}}\n"
    )
    found = [p for p in check(tmp_path) if "destinations" in p.where]
    assert bool(found) == bool(cure), found
    assert all(cure in p.cure for p in found)
