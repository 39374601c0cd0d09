"""The private choice of the largest score, by OpenDP's noisy max.

Gumbel noise makes it the exponential mechanism (McSherry and Talwar 2007), which is rho-zCDP at
less than its epsilon alone would cost (bounded range, Cesar and Rogers 2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import opendp.prelude as dp

_ROUNDING = 1 + 1e-9
_STEP = 1 + 2.0**-44


@dataclass(frozen=True)
class NoisyMax:
    """A mechanism that returns the position of a largest score, with noise.

    Attributes
    ----------
    scale : float
        Of the noise, in the unit of the scores.
    """

    scale: float

    def choose(self, scores: Sequence[float]) -> int:
        """Return a position; cannot be seeded. Scores are finite."""
        return int(_measurement(self.scale)([float(score) for score in scores]))

    def spent(self, sensitivity: float) -> float:
        """Return rho by OpenDP, if one unit changes each score by at most ``sensitivity``."""
        return float(_measurement(self.scale).map(float(sensitivity) * _ROUNDING))


def noisy_max_for(sensitivity: float, rho: Fraction) -> NoisyMax:
    """Return the least noise with which the choice is rho-zCDP.

    Parameters
    ----------
    sensitivity : float
        By how much one privacy unit changes a score; a billionth is added for the rounding of the
        scores.
    rho : Fraction
    """
    scale = float(sensitivity) * _ROUNDING / math.sqrt(2 * rho)
    while Fraction(NoisyMax(scale).spent(sensitivity)) > rho:
        scale = max(math.nextafter(scale, math.inf), scale * _STEP)
    return NoisyMax(scale)


@cache
def _measurement(scale: float) -> Any:
    dp.enable_features("contrib")
    scores = dp.vector_domain(dp.atom_domain(T="f64", nan=False))
    distance = dp.linf_distance(T="f64", monotonic=False)
    return dp.m.make_noisy_max(scores, distance, dp.zero_concentrated_divergence(), scale)
