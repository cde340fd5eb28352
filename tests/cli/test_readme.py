"""Every command in the README runs, inside the virtual estate, and every command of the program stands in the README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from netcam.cli.app import COMMANDS as PROGRAM
from netcam.cli.app import app, load

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [line[2:] for block in re.findall(r"```console\n(.*?)```", README, re.S) for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.lab
def test_every_readme_command_runs_inside_the_estate(tmp_path: Path) -> None:
    wanted = [c for c in COMMANDS if c.startswith("netcam ") and c != "netcam demo"]
    assert len(wanted) >= 5
    script = "set -e\n" + "\n".join(c.replace("netcam ", f"{sys.executable} -m netcam ", 1) for c in wanted)
    env = {**os.environ, "NETCAM_HOME": str(tmp_path)}
    argv = [sys.executable, "-m", "netcam", "lab", "exec", "--", "sh", "-c", script]
    run = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=900, check=False)
    assert run.returncode == 0, run.stderr[-3000:] + run.stdout[-2000:]
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.lab
def test_make_demo_runs_the_demo_of_the_readme() -> None:
    assert "make demo" in COMMANDS
    assert "netcam demo" in COMMANDS
    venv = Path(sys.executable).parent.parent
    dry = subprocess.run(["make", "--dry-run", "demo", f"VENV={venv}"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "netcam demo --format table --fail-on advisory" in dry.stdout


def test_every_command_stands_in_the_readme_with_help() -> None:
    for name in PROGRAM:
        found = load(name)
        assert found.info.help if isinstance(found, typer.Typer) else found.__doc__, name
        assert f"netcam {name}" in README, name


@pytest.mark.parametrize("words", sorted(set(re.findall(r"`netcam ([a-z][^`]*)`", README))))
def test_every_command_named_in_the_text_exists_with_its_options(words: str) -> None:
    one: Any = typer.main.get_command(app)
    for word in words.partition(" -- ")[0].split():
        if word.startswith("-"):
            assert any(word in parameter.opts for parameter in one.params), word
        elif hasattr(one, "get_command"):
            one = one.get_command(click.Context(one), word)
            assert one is not None, word
