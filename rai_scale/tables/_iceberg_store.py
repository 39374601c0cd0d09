"""The file systems of this process for ``pyiceberg``, with the settings that fsspec has."""

from __future__ import annotations

from typing import Any

import fsspec
from pyiceberg.io.fsspec import FsspecFileIO


class StoreIO(FsspecFileIO):
    """Opens every address as the rest of rai_scale does."""

    def _get_fs(self, scheme: str, hostname: str | None = None) -> Any:
        return fsspec.filesystem(scheme)
