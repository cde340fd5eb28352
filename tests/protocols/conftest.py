"""Makes `drive` importable by the tests of this folder under importlib mode."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
