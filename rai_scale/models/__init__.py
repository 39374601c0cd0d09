"""Models: their files, inputs, outputs and background rows."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
