"""A large object (model, background sample) that travels once and is loaded once per process."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

_LOADED: dict[tuple[str, str], Any] = {}
_LOADING = threading.RLock()  # a loader may load another file


@dataclass(frozen=True)
class SharedFile:
    """A file that every worker can open under a name made of its content.

    Parameters
    ----------
    name : str
        Content hash and ending; equal content is published once.
    locate : callable
        Run in the worker; returns the local path of the file named ``name``.
    """

    name: str
    locate: Callable[[str], str]

    def path(self) -> str:
        """Return the path of the file on this worker."""
        return self.locate(self.name)

    def load(self, loader: Callable[[str], Any]) -> Any:
        """Return ``loader(path)``, called once per process and file, whatever its threads."""
        key = (self.name, f"{loader.__module__}.{loader.__qualname__}")
        with _LOADING:
            if key not in _LOADED:
                _LOADED[key] = loader(self.path())
            return _LOADED[key]


def content_name(path: str) -> str:
    """Return ``<sha256>-<basename>`` of a file; streams, so that size does not matter."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{digest[:24]}-{os.path.basename(path)}"


@cache
def kept_folder() -> str:
    """Return a folder that is kept until this process ends: lazy frames may read it as long."""
    folder = tempfile.mkdtemp(prefix="rai_scale_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
