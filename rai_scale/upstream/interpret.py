"""interpret's classes and private functions; interpret is imported when they are used."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from rai_scale.errors import MissingExtraError

_HOMES = {
    "FeatureValueExplanation": "interpret.api.templates",
    "MorrisExplanation": "interpret.blackbox._sensitivity",
    "PDPExplanation": "interpret.blackbox._partialdependence",
    "PRExplanation": "interpret.perf._curve",
    "ROCExplanation": "interpret.perf._curve",
    "RegressionExplanation": "interpret.perf._regression",
}


def explanation_class(name: str) -> Any:
    """Return a class of interpret's explanations.

    Raises
    ------
    MissingExtraError
        If interpret, or plotly, with which it plots, is not installed.
    """
    try:
        found = getattr(import_module(_HOMES[name]), name)
    except ImportError:
        raise MissingExtraError("interpret-core", "explain") from None
    if find_spec("plotly") is None:
        raise MissingExtraError("plotly", "explain")
    return found


def cut_quantile(values: np.ndarray, cuts: int) -> tuple[float, ...]:
    """Return at most ``cuts`` cut points between the values, at their quantiles."""
    from interpret.utils._native import Native

    return tuple(Native.get_native_singleton().cut_quantile(values, 1, False, cuts).tolist())


def gaussian_noise(epsilon: float, delta: float) -> float:
    """Return the standard deviation of the noise that interpret adds to one sum."""
    from interpret.utils._privacy import calc_gdp_noise_multi

    return float(calc_gdp_noise_multi(1, epsilon, delta))
