"""Tables on a terminal of 80 columns: nothing lost, and what people copy stays whole."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

from netcam.cli import output
from netcam.cli.app import app

ROWS = [
    ("10.77.0.13", "access-control", "Provision-ISR", "Hikvision", "LaserJet Pro MFP M428fdw", "V5.5.82 build 190220", "0.99", "advisory"),
    ("10.77.0.217", "camera", "Hikvision", "Hikvision", "DS-2CD2143G0-I", "V5.5.82 build 190220", "0.99", "information"),
]


def printed(monkeypatch: pytest.MonkeyPatch, width: int, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    file = StringIO()
    monkeypatch.setattr(output, "console", lambda: Console(highlight=False, markup=False, width=width, file=file))
    output.console().print(output.table("Devices", columns, rows))
    return file.getvalue().splitlines()


def test_addresses_and_names_stay_whole_on_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 80, output.DEVICE_COLUMNS, ROWS)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for word in ("10.77.0.13 ", "10.77.0.217 ", "Hikvision ", "0.99", "advisory", "information", "190220", "firmware"):
        assert word in text


@pytest.mark.parametrize("width", [40, 60, 79, 80, 132, 200])
def test_no_character_of_a_cell_is_lost_at_any_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    for columns, rows in (
        (output.DEVICE_COLUMNS, ROWS),
        (("MAC", "value"), [("44:19:b6:00:00:01", "x" * 190), ("", "漢字" * 40), ("a b", "")]),
        (("rule",), []),
    ):
        lines = printed(monkeypatch, width, columns, rows)
        text = "".join(lines).replace(" ", "")
        assert max(map(len, lines), default=0) <= width
        assert all(text.count(letter) >= "".join(map("".join, rows)).count(letter) for letter in "x漢字0123456789")


@pytest.mark.parametrize(
    "name", ["policy", "removal", "edit", "egress", "evidence", "inventory", "catalog", "events", "config", "lab", "export"]
)
def test_lists_of_commands_are_not_cut(name: str) -> None:
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert "..." not in done.output.partition("Commands:")[2]
    assert max(map(len, done.output.splitlines())) <= 80
