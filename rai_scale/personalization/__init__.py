"""Personalisation that can be answered for: audits over logs of recommendations, at any size."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
