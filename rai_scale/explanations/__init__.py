"""Explanations of models over tables of any size, the same on any number of workers."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
