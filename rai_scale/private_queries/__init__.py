"""Private SQL: SmartNoise SQL's grammar, bounded on the engine, one noise per release."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
