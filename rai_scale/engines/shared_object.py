"""A Python object that is sent to the workers once, as a pickled file."""

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
    """Send an object once to every worker.

    Parameters
    ----------
    engine : Engine
    value : object
        Anything that cloudpickle can write.
    name : str
        The name of its file.

    Returns
    -------
    SharedFile
        To be read with :func:`load_object`. The file is kept until this process ends, because lazy
        frames may read it; in a folder of its own, so that equal content has an equal name.
    """
    path = os.path.join(tempfile.mkdtemp(dir=kept_folder()), name)
    with open(path, "wb") as file:
        cloudpickle.dump(value, file)
    return engine.publish(path)


def load_object(path: str) -> Any:
    """Load an object that :func:`publish_object` wrote; only this program writes such pickles."""
    with open(path, "rb") as file:
        return cloudpickle.load(file)
