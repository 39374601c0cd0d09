"""What predicts: models, their files, their inputs and outputs, their background rows."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
