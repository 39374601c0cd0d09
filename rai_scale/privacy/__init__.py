"""The privacy core: what every capability with an epsilon stands on."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
