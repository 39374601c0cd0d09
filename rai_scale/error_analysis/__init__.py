"""Where a model errs: cohorts, error trees, heatmaps and slices from counts, at any size."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
