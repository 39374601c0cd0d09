"""What a private job says aloud, and where the rest goes."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rai_scale.errors import MissingExtraError


@contextmanager
def heard_warnings() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, each :class:`PrivacyWarning` once."""
    try:
        from rai_scale.privacy.problems import PrivacyWarning
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "sqlalchemy", "private") from None
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", PrivacyWarning)
        try:
            yield notes
        finally:
            said = [str(w.message) for w in heard if issubclass(w.category, PrivacyWarning)]
            notes.extend(dict.fromkeys(said))


@contextmanager
def restricted_file(path: str | None) -> Iterator[None]:
    """Append the restricted log to a file that only its owner can read, while the block runs.

    Its records may hold personal values.
    """
    if path is None:
        yield
        return
    from rai_scale.privacy.disclosure import restricted_log

    logger = restricted_log()
    with open(path, "a", encoding="utf-8", opener=_owner_only) as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
