"""Glassbox models: explainable boosting machines and simple ones, at any size."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
