"""The errors of a book of events."""

from __future__ import annotations

from rai_scale.errors import RaiScaleError


class RecordError(RaiScaleError):
    """An operation on a book failed: wrong order, a changed row, an unreachable server."""


class RecordBusyError(RecordError):
    """Another run holds the lock; try again later."""
