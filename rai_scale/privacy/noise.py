"""Noise by OpenDP: integers, drawn for a whole column in one call.

Discrete Laplace (Ghosh, Roughgarden and Sundararajan 2009) under pure epsilon-DP, discrete Gaussian
(Canonne, Kamath and Steinke 2020) under zCDP. OpenDP's own privacy map, which rounds towards more
privacy loss, must confirm each scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, Literal

import numpy as np
import opendp.prelude as dp

from rai_scale.errors import ConfigError, check_share
from rai_scale.privacy.bounding import Sensitivity

Kind = Literal["laplace", "gaussian"]
_STEP = 1 + 2.0**-44
_MAX_SCALE = 2.0**52
_TERMS = 12  # of the Gaussian's sum, in standard deviations


@dataclass(frozen=True)
class Noise:
    """An additive mechanism on integers.

    Attributes
    ----------
    kind : str
        ``laplace`` or ``gaussian``, both discrete.
    scale : float
        Laplace's scale, or the Gaussian's sigma, in grid units.
    """

    kind: Kind
    scale: float

    def draw(self, exact: np.ndarray) -> np.ndarray:
        """Return int64 values with noise added, in one call; cannot be seeded."""
        values = np.ascontiguousarray(exact, dtype=np.int64)
        if not len(values):
            return values
        return np.asarray(_measurement(self.kind, self.scale)(values.tolist()), dtype=np.int64)

    def spent(self, sensitivity: Sensitivity) -> float:
        """Return the privacy loss by OpenDP: epsilon of Laplace, rho of Gaussian noise."""
        distance = sensitivity.l1 if self.kind == "laplace" else sensitivity.l2
        return float(_measurement(self.kind, self.scale).map(distance))

    def upper_tail(self, at: int) -> float:
        """Return P[noise >= at], rounded up by a relative 1e-9."""
        if at <= 0:
            return 1.0
        return min(1.0, math.exp(self.log_tail(at)) * (1 + 1e-9))

    def log_tail(self, at: int) -> float:
        """Return the logarithm of P[noise >= at], for ``at`` of 1 or more."""
        if self.kind == "laplace":
            return -at / self.scale - math.log1p(math.exp(-1 / self.scale))
        return _gaussian_log_tail(at, self.scale)

    def half_width(self, alpha: float) -> int:
        """Return the smallest integer h with P[abs(noise) > h] <= alpha."""
        check_share("alpha", alpha)
        return _smallest(lambda h: 2 * self.upper_tail(h + 1) <= alpha, self.scale)

    def tail_at_most(self, probability: float) -> int:
        """Return the smallest integer t with P[noise >= t] <= probability."""
        return _smallest(lambda t: self.upper_tail(t) <= probability, self.scale)


def laplace_for(sensitivity: Sensitivity, epsilon: Fraction) -> Noise:
    """Return the least discrete Laplace noise that is epsilon-DP at an L1 sensitivity."""
    return _confirmed("laplace", Fraction(sensitivity.l1) / epsilon, sensitivity, epsilon)


def gaussian_for(sensitivity: Sensitivity, rho: Fraction) -> Noise:
    """Return the least discrete Gaussian noise that is rho-zCDP at an L2 sensitivity."""
    scale = Fraction(sensitivity.l2) / Fraction(math.sqrt(2 * rho))
    return _confirmed("gaussian", scale, sensitivity, rho)


def rho_for(epsilon: Fraction, delta: Fraction) -> Fraction:
    """Return a rho such that rho-zCDP is (epsilon, delta)-DP, rounded down.

    ``epsilon = rho + 2 sqrt(rho log(1/delta))`` (Bun and Steinke 2016, Proposition 1.3).
    """
    if not 0 < delta < 1:
        raise ConfigError("Gaussian noise needs a delta between 0 and 1.")
    log = -math.log(delta)
    # sqrt(epsilon + log) - sqrt(log), without the cancellation
    root = float(epsilon) / (math.sqrt(float(epsilon) + log) + math.sqrt(log))
    return Fraction(root * root * (1 - 2.0**-40))


def epsilon_for(rho: Fraction, delta: Fraction) -> Fraction:
    """Return an epsilon such that rho-zCDP is (epsilon, delta)-DP, rounded up.

    The inverse of :func:`rho_for` (Bun and Steinke 2016, Proposition 1.3).
    """
    return rho + Fraction(2 * math.sqrt(rho * -math.log(delta)) * (1 + 2.0**-40))


def _confirmed(kind: Kind, scale: Fraction, sensitivity: Sensitivity, budget: Fraction) -> Noise:
    rounded = float(scale)
    if Fraction(rounded) < scale:
        rounded = math.nextafter(rounded, math.inf)
    if not rounded <= _MAX_SCALE:
        raise ConfigError(
            "the noise would be larger than 2**52 units of the grid: narrow the column's bounds, "
            "lower max_ids, or increase epsilon."
        )
    noise = Noise(kind, rounded)
    while Fraction(noise.spent(sensitivity)) > budget:
        rounded = max(math.nextafter(rounded, math.inf), rounded * _STEP)
        noise = Noise(kind, rounded)
    return noise


@cache
def _measurement(kind: Kind, scale: float) -> Any:
    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    if kind == "laplace":
        return dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale)
    return dp.m.make_gaussian(domain, dp.l2_distance(T="f64"), scale)


def _smallest(holds: Any, scale: float) -> int:
    """Return the smallest integer from 0 at which a monotone condition holds."""
    high = max(1, math.ceil(scale))
    while not holds(high):
        high *= 2
    low = -1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _gaussian_log_tail(at: int, scale: float) -> float:
    """Return an upper bound of the tail: the sum of its terms, or a continuous tail if wide."""
    if scale > 1000:  # noqa: PLR2004
        # terms fall where x >= 0, so the sum is at most the integral from at - 1, and the
        # normaliser of the discrete Gaussian is at least that of the continuous one
        return _normal_log_tail((at - 1) / scale)
    x = np.arange(at, at + math.ceil(_TERMS * scale) + 64, dtype=float)
    logs = -(x**2) / (2 * scale**2)
    top = float(logs[0])
    body = math.log(float(np.exp(logs - top).sum()) * (1 + 1e-12))
    return top + body - _gaussian_log_normaliser(scale)


@cache
def _gaussian_log_normaliser(scale: float) -> float:
    x = np.arange(1, math.ceil(_TERMS * scale) + 64, dtype=float)
    return math.log1p(2 * float(np.exp(-(x**2) / (2 * scale**2)).sum()))


def _normal_log_tail(z: float) -> float:
    tail = math.erfc(z / math.sqrt(2)) / 2
    if tail > 0:
        return math.log(tail)
    return -z * z / 2 - math.log(z * math.sqrt(2 * math.pi))
