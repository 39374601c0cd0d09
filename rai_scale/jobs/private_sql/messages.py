"""What a private job says aloud, and where the rest goes."""

from __future__ import annotations

import logging
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rai_scale.errors import ConfigError
from rai_scale.jobs.run import TextLines


@contextmanager
def heard_warnings() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, each :class:`PrivacyWarning` once."""
    from rai_scale.privacy.ledger.problems import PrivacyWarning

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

    Raises
    ------
    ConfigError
        If the path is a link, is no plain file, or belongs to another user.
    """
    if path is None:
        yield
        return
    from rai_scale.privacy.disclosure import restricted_log

    logger = restricted_log()
    with _opened(path) as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(TextLines("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


def _opened(path: str) -> TextIO:
    """Open for appending what only its owner can read, and was meant: no link, no pipe."""
    # a pipe without a reader would wait for one
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        number = os.open(path, flags, mode=0o600)
    except OSError as error:
        raise ConfigError(
            f"restricted_log: {path!r} cannot be written: {error.strerror}."
        ) from None
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ConfigError(f"restricted_log: {path!r} is not a plain file.")
        os.fchmod(number, 0o600)  # a file that was there may have been open to others
        return os.fdopen(number, "a", encoding="utf-8", errors="backslashreplace")
    except PermissionError:
        os.close(number)
        raise ConfigError(f"restricted_log: {path!r} belongs to another user.") from None
    except BaseException:
        os.close(number)
        raise
