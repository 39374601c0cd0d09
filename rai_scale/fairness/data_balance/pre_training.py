"""Clarify's pre-training measures of the labels: facet d (one value) against a (all others).

Above 0, ``CI``, ``DPL`` and ``CDD`` mean that facet d is smaller, less often positive, and more
often rejected. ``KL``, ``JS``, ``LP``, ``TVD`` and ``KS`` are distances without a sign, over all
values of the label. Written from the formulas of the guide.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from rai_scale.fairness.data_balance.facets import Facets, conditional_disparity
from rai_scale.fairness.data_balance.registry import CLARIFY, INF, measure, ratio
from rai_scale.statistics.distances import jensen_shannon, relative_entropy

FAMILY = "pre_training"
clarify = partial(measure, FAMILY, source=CLARIFY)
EMPTY = "a facet has no rows"


def _labels(f: Facets) -> tuple[np.ndarray, np.ndarray]:
    return ratio(np.asarray(f.a.classes), f.a.n), ratio(np.asarray(f.d.classes), f.d.n)


@clarify("(n_a - n_d) / (n_a + n_d)", undefined="there are no rows")
def CI(f: Facets) -> float:
    """Class imbalance of the facets; needs no label."""
    return ratio(f.a.n - f.d.n, f.a.n + f.d.n)


@clarify("n_a(1) / n_a - n_d(1) / n_d", undefined=EMPTY)
def DPL(f: Facets) -> float:
    """Difference in proportions of (positive) labels."""
    return ratio(f.a.label, f.a.n) - ratio(f.d.label, f.d.n)


@clarify(
    "sum_y P_a(y) ln(P_a(y) / P_d(y)), infinite where only P_d(y) = 0",
    between=(0, INF),
    undefined=EMPTY,
    log="e",
)
def KL(f: Facets) -> float:
    """Kullback-Leibler divergence of facet a's labels from facet d's, in nats."""
    return relative_entropy(*_labels(f))


@clarify(
    "(KL(P_a, P) + KL(P_d, P)) / 2, P = (P_a + P_d) / 2",
    between=(0, float(np.log(2))),
    undefined=EMPTY,
    log="e",
)
def JS(f: Facets) -> float:
    """Jensen-Shannon divergence of the labels (not its root), in nats."""
    return jensen_shannon(*_labels(f))


@clarify("sqrt(sum_y (P_a(y) - P_d(y))^2)", between=(0, float(np.sqrt(2))), undefined=EMPTY)
def LP(f: Facets) -> float:
    """Lp-norm distance of the labels at p = 2."""
    a, d = _labels(f)
    return float(np.sqrt(((a - d) ** 2).sum()))


@clarify("1/2 sum_y |P_a(y) - P_d(y)|", between=(0, 1), undefined=EMPTY)
def TVD(f: Facets) -> float:
    """Total variation distance of the labels."""
    a, d = _labels(f)
    return float(np.abs(a - d).sum() / 2)


@clarify("max_y |P_a(y) - P_d(y)|", between=(0, 1), undefined=EMPTY)
def KS(f: Facets) -> float:
    """Kolmogorov-Smirnov measure as in Clarify: per label, not cumulative."""
    a, d = _labels(f)
    return float(np.abs(a - d).max())


@clarify(
    "1/n sum_i n_i DD_i, DD_i = n_di(0) / n_i(0) - n_di(1) / n_i(1) in stratum i",
    source=f"{CLARIFY}; Wachter et al., Why Fairness Cannot Be Automated, 2020",
    undefined="a stratum has only one of both outcomes: merge strata",
)
def CDD(f: Facets) -> float:
    """Conditional demographic disparity of the labels over the control features' strata."""
    return conditional_disparity(f)
