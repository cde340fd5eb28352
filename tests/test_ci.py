"""The suite in two processes: each test is run by one of them, and a failure of either is the whole's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FAKE = """#!/bin/sh
echo "ran $*"
case "$*" in
*"not lab"*) exit {others} ;;
*lab*) sleep 0.1; exit {estate} ;;
esac
exit 7
"""


@pytest.mark.parametrize(("others", "estate", "code"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 2, 2), (0, 5, 5)])
def test_a_failure_of_either_half_is_one_of_the_whole(tmp_path: Path, others: int, estate: int, code: int) -> None:
    fake = tmp_path / "pytest"
    fake.write_text(FAKE.format(others=others, estate=estate))
    fake.chmod(0o755)
    run = subprocess.run([ROOT / ".ci" / "tests", fake], capture_output=True, text=True, check=False)
    assert run.returncode == code
    assert run.stdout.splitlines() == [
        "ran -m not lab and not fuzz", "the other tests, in the virtual estate:", "ran -m lab and not fuzz",
    ]  # fmt: skip


def test_with_arguments_it_is_one_run_with_them(tmp_path: Path) -> None:
    fake = tmp_path / "pytest"
    fake.write_text(FAKE.format(others=0, estate=0))
    fake.chmod(0o755)
    run = subprocess.run([ROOT / ".ci" / "tests", fake, "tests/wire", "-x"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (7, "ran tests/wire -x\n")
