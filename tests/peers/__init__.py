"""Programs of others that tests talk to, fetched by `make peers` or when a test first needs them."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def folder() -> Path:
    """Where they stand."""
    there = Path(sys.prefix) / "peers"
    if not (there / ".ready").exists():
        subprocess.run([str(HERE / "fetch.sh"), sys.executable, str(there)], check=True, timeout=300)
    return there
