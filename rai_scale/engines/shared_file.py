"""A large object (a model, a background sample) that is sent and loaded once per worker process."""

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
    """A file that every worker can open under a name derived from its content.

    Attributes
    ----------
    name : str
        Hash of the content, and the file's own name; equal content is published once.
    locate : callable
        Runs in the worker; returns the local path of the file named ``name``.
    """

    name: str
    locate: Callable[[str], str]

    def path(self) -> str:
        """Return the path of the file on this worker."""
        return self.locate(self.name)

    def load(self, loader: Callable[[str], Any]) -> Any:
        """Return ``loader(path)``, called once per process and file, also with several threads."""
        key = (self.name, f"{loader.__module__}.{loader.__qualname__}")
        with _LOADING:
            if key not in _LOADED:
                _LOADED[key] = loader(self.path())
            return _LOADED[key]


@dataclass(frozen=True)
class FixedPath:
    """The ``locate`` of a file that all workers see at the same path."""

    path: str

    def __call__(self, name: str) -> str:
        """Return the path, whatever the name."""
        return self.path


def content_name(path: str) -> str:
    """Return ``<hash>-<file name>``: the first 24 hexadecimal digits of the content's SHA-256."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{digest[:24]}-{os.path.basename(path)}"


@cache
def kept_folder() -> str:
    """Return a folder that is kept until this process ends, because lazy frames may read it."""
    folder = tempfile.mkdtemp(prefix="rai_scale_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
