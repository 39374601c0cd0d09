"""Find and redact personal data in tables of any size, with the same results as Presidio."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
