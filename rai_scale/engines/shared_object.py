"""An object that travels to the workers as a pickled file, once."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

import cloudpickle

from rai_scale.engines.shared_file import kept_folder

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile


def publish_object(engine: Engine, value: Any, name: str = "object.pickle") -> SharedFile:
    """Bring an object once to every worker; the file is kept while lazy frames may read it.

    It has a folder of its own, so that files of equal content have equal names.
    """
    path = os.path.join(tempfile.mkdtemp(dir=kept_folder()), name)
    with open(path, "wb") as file:
        cloudpickle.dump(value, file)
    return engine.publish(path)


def load_object(path: str) -> Any:
    """Load what :func:`publish_object` wrote; both ends of the pickle are this program."""
    with open(path, "rb") as file:
        return cloudpickle.load(file)
