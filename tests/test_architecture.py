"""House rules that are tests: who may open sockets, who may import scapy, what the start may cost, what must not be written."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "netcam").rglob("*.py"))


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_only_the_link_helper_imports_scapy() -> None:
    guilty = [p.relative_to(ROOT).as_posix() for p in MODULES if "scapy" in imports(p)]
    assert [g for g in guilty if not g.startswith("netcam/collect/link")] == []


def test_only_collect_live_capture_the_lab_and_syslog_open_sockets() -> None:
    allowed = (
        "netcam/collect/",
        "netcam/lab/",
        "netcam/flows/live",
        "netcam/flows/ring",
        "netcam/flows/collector",
        "netcam/sinks/transports/syslog",
    )
    guilty = [p.relative_to(ROOT).as_posix() for p in MODULES if "socket" in imports(p)]
    assert [g for g in guilty if not g.startswith(allowed)] == []


def test_records_import_the_standard_library_only() -> None:
    for path in (ROOT / "netcam" / "model").glob("*.py"):
        assert imports(path) <= set(sys.stdlib_module_names) | {"netcam"}, path.name


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, json\nsys.argv=['netcam','--help']\nfrom netcam.cli import main\n"
        "try:\n main()\nexcept SystemExit: pass\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "msgspec",
        "scapy",
        "zeroconf",
        "zeep",
        "numpy",
        "numba",
        "hyperscan",
        "sqlalchemy",
        "rich",
        "cryptography",
        "requests",
        "yaml",
        "jinja2",
    }
    assert heavy & set(json.loads(run.stderr.splitlines()[-1])) == set()
    assert "scan" in run.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_module_says_what_it_owns(path: Path) -> None:
    if path.name == "env.py" and "migrations" in path.parts:
        return
    assert ast.get_docstring(ast.parse(path.read_text())), "a module docstring says what the file owns"


def test_no_module_is_named_for_nothing() -> None:
    assert {p.stem for p in MODULES} & {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc"} == set()
