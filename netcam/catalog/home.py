"""Where the content lies: beside the package in a checkout, inside it in a wheel, or where the operator says."""

from __future__ import annotations

import os
from pathlib import Path

from netcam.errors import ContentError


def content_root(given: str | None = None) -> Path:
    """The folder with `makers/`, `policies/`, `destinations/`: `given`, else $NETCAM_CONTENT, else the shipped one.

    Raises ContentError where there is none.
    """
    wanted = given or os.environ.get("NETCAM_CONTENT")
    if wanted:
        root = Path(wanted)
        if not root.is_dir():
            raise ContentError(wanted, "no content folder here", "give the folder that holds makers/ and policies/")
        return root
    package = Path(__file__).resolve().parent.parent
    for root in (package / "fingerprints", package.parent / "fingerprints"):
        if root.is_dir():
            return root
    raise ContentError(str(package), "the shipped content is missing", "install netcam again, or set NETCAM_CONTENT")
