"""Re-identification risk: what a table gives away about the people in it, at any size."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
