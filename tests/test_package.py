"""The wheel holds what a user needs: code, content, scenarios, migrations; and runs from there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_wheel_carries_content_and_runs_without_the_checkout(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    for wanted in (
        "fingerprints/makers/hikvision.yaml",
        "fingerprints/policies/uk-2022-sensitive-sites.yaml",
        "lab/scenarios/default.yaml",
        "py.typed",
    ):
        assert f"netcam/{wanted}" in names
    assert any(name.startswith("netcam/inventory/migrations/versions/") for name in names)
    assert any(name.startswith("netcam/report/templates/") for name in names)
    assert not [name for name in names if name.startswith("tests/")]
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); import netcam; print(netcam.__file__); sys.argv[0] = 'netcam'; from netcam.cli import main; main()"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site"), "catalog", "check"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=env,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert str(tmp_path) in run.stdout, "it ran from the wheel, not from the checkout"
    assert "no errors" in run.stderr
