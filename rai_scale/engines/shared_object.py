"""An object that travels to the workers as a pickled file, once."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

import cloudpickle

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile


def publish_object(engine: Engine, value: Any) -> SharedFile:
    """Bring an object once to every worker; the file is kept while lazy frames may read it."""
    handle, path = tempfile.mkstemp(dir=_published(), suffix=".pickle")
    with os.fdopen(handle, "wb") as file:
        cloudpickle.dump(value, file)
    return engine.publish(path)


def load_object(path: str) -> Any:
    """Load what :func:`publish_object` wrote; both ends of the pickle are this program."""
    with open(path, "rb") as file:
        return cloudpickle.load(file)


@cache
def _published() -> str:
    folder = tempfile.mkdtemp(prefix="rai_scale_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
