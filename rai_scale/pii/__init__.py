"""Personal data: find it, redact it and scan lakes for it, with Presidio's own answer."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
