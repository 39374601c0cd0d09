"""Rare groups: which groups may be named (stability-based histograms).

A group with a single unit is named with probability ``P[1 + noise >= threshold]``. That unit can be
in several such groups at once, so the delta of the threshold is charged for all of them (Korolova
et al. 2009; Vadhan 2017, section 3.3).
"""

from __future__ import annotations

import math
from fractions import Fraction

from rai_scale.errors import ConfigError
from rai_scale.privacy.noise import Noise


def threshold_for(noise: Noise, groups: int, delta: Fraction) -> int:
    """Return the least noisy count of units from which a group is named.

    Parameters
    ----------
    noise : Noise
        Of the count of distinct units.
    groups : int
        How many groups one unit can be in.
    delta : Fraction
        Charged for the threshold.
    """
    if not 0 < delta < 1:
        raise ConfigError(
            "groups that are found in the data are named only above a threshold, which needs a "
            "delta above 0 (and below 1). Set delta, or declare public groups with groups=."
        )
    return 1 + noise.tail_at_most(float(delta) / groups * (1 - 1e-12))


def leaked(noise: Noise, groups: int, threshold: int) -> float:
    """Return the delta of a threshold: the probability that any group of one unit is named."""
    one = noise.upper_tail(threshold - 1)
    return 1.0 if one >= 1 else -math.expm1(groups * math.log1p(-one))
