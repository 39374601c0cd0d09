"""Private SQL: SmartNoise SQL's grammar, bounded aggregates by the engine, noise drawn once."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
