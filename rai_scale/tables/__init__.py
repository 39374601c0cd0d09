"""Tables: find, read and write them, with the same rows on every engine."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
