"""What can go wrong with a book of events."""

from __future__ import annotations

from rai_scale.errors import RaiScaleError


class RecordError(RaiScaleError):
    """A book cannot do this: a step out of order, a changed row, a server that is away."""


class RecordBusyError(RecordError):
    """Another run holds what was asked for; try again later."""
