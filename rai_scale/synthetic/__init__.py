"""Private synthetic data: models of tables from noisy marginals, and samples of them."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
