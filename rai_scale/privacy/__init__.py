"""Differential privacy that all capabilities share: noise, bounding, costs and ledger."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
