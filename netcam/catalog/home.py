"""Where the content lies: where the operator says, in an installed pack, beside the package in a checkout, or inside it in a wheel."""

from __future__ import annotations

import os
import re
from pathlib import Path

from netcam.errors import ContentError

SHIPPED = "shipped"
"""What the content that came with netcam is called among the versions."""


def packs_root() -> Path:
    """The folder of installed catalog packs, beside the inventory."""
    home = os.environ.get("NETCAM_HOME")
    if home:
        return Path(home) / "catalog"
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "netcam" / "catalog"


def installed_root() -> Path | None:
    """The content of the pack in use; None where the shipped content is. Raises ContentError where the pack is gone."""
    try:
        version = (packs_root() / "current").read_text("ascii").strip()[:64]
    except (OSError, UnicodeDecodeError):
        return None
    if not version or version == SHIPPED:
        return None
    root = packs_root() / version
    if not re.fullmatch(r"[0-9.]{1,40}", version) or not (root / "makers").is_dir():
        raise ContentError(str(root), "the catalog pack in use is missing", "netcam catalog rollback shipped, or install it again")
    return root


def content_root(given: str | None = None) -> Path:
    """The folder with `makers/`, `policies/`, `destinations/`: `given`, else $NETCAM_CONTENT, else the pack in use, else the shipped.

    Raises ContentError where there is none.
    """
    wanted = given or os.environ.get("NETCAM_CONTENT")
    if wanted:
        root = Path(wanted)
        if not root.is_dir():
            raise ContentError(wanted, "no content folder here", "give the folder that holds makers/ and policies/")
        if not next((root / "makers").glob("*.yaml"), None):  # nothing could be recognised: not an answer, but a wrong folder
            raise ContentError(wanted, "holds no makers/*.yaml", "give the folder that holds makers/ and policies/")
        return root
    pack = installed_root()
    if pack is not None:
        return pack
    return shipped_root()


def shipped_root() -> Path:
    """The content that came with netcam. Raises ContentError where there is none."""
    package = Path(__file__).resolve().parent.parent
    for root in (package / "fingerprints", package.parent / "fingerprints"):
        if root.is_dir():
            return root
    raise ContentError(str(package), "the shipped content is missing", "install netcam again, or set NETCAM_CONTENT")
