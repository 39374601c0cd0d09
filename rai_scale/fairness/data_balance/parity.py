"""LiFT's distances between two groups: how far from demographic parity and equalized odds.

Distances, without a sign. With scores (probabilities) the rates are those of expected predictions:
the sum of the scores replaces the number of positive predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from rai_scale.fairness.data_balance.cells import OutcomeWeights
from rai_scale.fairness.data_balance.registry import LIFT, measure, ratio

FAMILY = "parity"
parity = partial(measure, FAMILY, source=LIFT)


@dataclass(frozen=True)
class Rates:
    """An outcome and the weights of the groups; ``a`` and ``b`` number the pairs' groups."""

    outcome: OutcomeWeights
    weight: np.ndarray
    a: np.ndarray
    b: np.ndarray

    def distance(self, rate: np.ndarray) -> np.ndarray:
        """Return |rate of A - rate of B| per pair."""
        return np.abs(rate[self.a] - rate[self.b])


@parity("|P(Y = 1 | A) - P(Y = 1 | B)|", between=(0, 1), undefined="a group has no weight")
def demographic_parity(r: Rates) -> np.ndarray:
    """Distance of the positive rates; Y is the label, the prediction or the expected one."""
    return r.distance(ratio(r.outcome.selected, r.weight))


@parity(
    "|P(Y' = 1 | Y = 1, A) - P(Y' = 1 | Y = 1, B)|",
    between=(0, 1),
    undefined="a group has no positive label",
)
def equalized_odds_positive(r: Rates) -> np.ndarray:
    """Distance of the true positive rates."""
    return r.distance(ratio(r.outcome.tp, r.outcome.tp + r.outcome.fn))


@parity(
    "|P(Y' = 1 | Y = 0, A) - P(Y' = 1 | Y = 0, B)|",
    between=(0, 1),
    undefined="a group has no negative label",
)
def equalized_odds_negative(r: Rates) -> np.ndarray:
    """Distance of the false positive rates."""
    return r.distance(ratio(r.outcome.fp, r.outcome.fp + r.outcome.tn))
