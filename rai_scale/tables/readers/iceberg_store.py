"""File access for ``pyiceberg`` through this process's fsspec settings."""

from __future__ import annotations

from typing import Any

import fsspec
from pyiceberg.io.fsspec import FsspecFileIO


class StoreIO(FsspecFileIO):
    """Opens addresses in the same way as the rest of rai_scale."""

    def _get_fs(self, scheme: str, hostname: str | None = None) -> Any:
        return fsspec.filesystem(scheme)
