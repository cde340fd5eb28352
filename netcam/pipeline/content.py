"""The content folder as the spine hands it on: each part read when it is first needed."""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcam.catalog.home import content_root

if TYPE_CHECKING:
    from netcam.catalog.advisories import Advisories
    from netcam.catalog.destinations import Destinations
    from netcam.catalog.families import Families
    from netcam.catalog.makers import Makers
    from netcam.catalog.policies import Policies
    from netcam.catalog.recorders import Recorders
    from netcam.identify.matcher import Matcher


class Content:
    """The content folder, each part read when it is first needed."""

    def __init__(self, root: str | None = None, *, cache: Path | None = None, local: Path | None = None) -> None:
        self.root = content_root(root)
        self._cache, self._local = cache, local

    @cached_property
    def makers(self) -> Makers:
        from netcam.catalog import makers

        return makers.load(self.root)

    @cached_property
    def policies(self) -> Policies:
        from netcam.catalog import policies

        return policies.load(self.root, families=self.families, local=self._local)

    @cached_property
    def families(self) -> Families:
        from netcam.catalog import families

        return families.load(self.root)

    @cached_property
    def advisories(self) -> Advisories:
        from netcam.catalog import advisories

        return advisories.load(self.root)

    @cached_property
    def recorders(self) -> Recorders:
        from netcam.catalog import recorders

        return recorders.load(self.root)

    @cached_property
    def destinations(self) -> Destinations:
        from netcam.catalog import destinations

        return destinations.load(self.root)

    @cached_property
    def matcher(self) -> Matcher:
        from netcam.identify.matcher import Matcher

        return Matcher(self.makers, cache=self._cache)

    def __reduce__(self) -> tuple[Any, ...]:
        # another process reads the same folder; nothing that was read travels
        return _content, (str(self.root), self._cache, self._local)

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of what judges: makers and policies."""
        return sha256(f"{self.makers.digest}\n{self.policies.digest}".encode()).hexdigest()


def _content(root: str, cache: Path | None, local: Path | None) -> Content:
    return Content(root, cache=cache, local=local)
