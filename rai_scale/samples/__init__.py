"""A synthetic lake for demos, tests and benchmarks, with the ground truth of its personal data."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
