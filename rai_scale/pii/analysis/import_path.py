"""Classes and objects of the user: by import path, or pickled for the workers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import cloudpickle

from rai_scale.errors import ConfigError, did_you_mean


def is_import_path(text: object) -> bool:
    """Return whether a text has the form ``package.module:Class``."""
    return (
        isinstance(text, str) and all(part.strip() for part in text.split(":", 1)) and ":" in text
    )


def load_class(path: str, base: type, what: str) -> type[Any]:
    """Return the class that an import path names.

    Parameters
    ----------
    path : str
        ``package.module:Class``. The module is imported, so its code runs.
    base : type
        The class must be a subclass of it.
    what : str
        Beginning of error messages: the option.

    Raises
    ------
    ConfigError
        If the module cannot be imported, or has no such class.
    """
    module_name, _, name = path.partition(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"{what}: module {module_name!r} cannot be imported here ({type(error).__name__}). "
            "Write 'package.module:Class', and install the package here and on every worker."
        ) from None
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, base):
        return found
    classes = [
        known
        for known, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    ]
    wanted = f"a subclass of {base.__module__.split('.')[0]}'s {base.__name__}"
    raise ConfigError(
        f"{what}: {name!r} of {module_name!r} is not {wanted}.{did_you_mean(name, classes)} "
        f"It has: {', '.join(classes) or 'none'}."
    )


@dataclass(frozen=True)
class Pickled:
    """An object as bytes: each worker makes a copy of its own, and the caller's stays unchanged.

    Attributes
    ----------
    name : str
        Module and name of the class, and a hash of the bytes.
    data : bytes
    """

    name: str
    data: bytes

    @classmethod
    def of(cls, value: Any) -> Pickled:
        """Pickle an object.

        Raises
        ------
        ValueError
            If it cannot be pickled.
        """
        kind = f"{type(value).__module__}:{type(value).__qualname__}"
        try:
            data = cloudpickle.dumps(value)
            cloudpickle.loads(data)
        except Exception as error:
            raise ValueError(
                f"an object of {kind} cannot be sent to the workers: pickling it fails "
                f"({type(error).__name__}). Give its import path, or leave open files, locks and "
                "models out of it and load them in load()"
            ) from None
        return cls(f"{kind}#{hashlib.sha256(data).hexdigest()[:16]}", data)

    def __repr__(self) -> str:
        """Show the class."""
        return self.name

    def load(self) -> Any:
        """Return a new copy of the object."""
        return cloudpickle.loads(self.data)
