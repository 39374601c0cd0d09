"""Metrics by group from counts, with their uncertainty."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
