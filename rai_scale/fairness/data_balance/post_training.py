"""Clarify's post-training measures: facet d (one value) against facet a (all other rows).

Signs are those of the guide: above 0, ``DPPL``, ``RD``, ``DAR`` and ``AD`` mean that facet a has
the better result, ``CDDPL`` that facet d is rejected more, ``DCR``, ``DRR``, ``SD`` and ``TE`` are
d minus a; ``DI`` is below 1 where facet d is selected less. The counterfactual fliptest (FT) is not
included: it needs the nearest neighbours of each row, which cannot be computed from counts. Written
from the formulas of the guide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from rai_scale.fairness.data_balance.facets import Facets, conditional_disparity
from rai_scale.fairness.data_balance.registry import CLARIFY, INF, measure, ratio

FAMILY = "post_training"
clarify = partial(measure, FAMILY, source=CLARIFY)
OVERALL = "overall"
ANY = (-INF, INF)


@clarify("n'_a(1) / n_a - n'_d(1) / n_d", undefined="a facet has no rows")
def DPPL(f: Facets) -> float:
    """Difference in positive proportions in predicted labels."""
    return ratio(f.a.predicted, f.a.n) - ratio(f.d.predicted, f.d.n)


@clarify(
    "(n'_d(1) / n_d) / (n'_a(1) / n_a)",
    between=(0, INF),
    ideal=1,
    undefined="facet a has no positive predictions, or a facet no rows",
)
def DI(f: Facets) -> float:
    """Disparate impact."""
    return ratio(ratio(f.d.predicted, f.d.n), ratio(f.a.predicted, f.a.n))


@clarify(
    "n_a(1) / n'_a(1) - n_d(1) / n'_d(1)",
    between=ANY,
    undefined="a facet has no positive predictions",
)
def DCAcc(f: Facets) -> float:
    """Difference in conditional acceptance."""
    return ratio(f.a.label, f.a.predicted) - ratio(f.d.label, f.d.predicted)


@clarify(
    "n_d(0) / n'_d(0) - n_a(0) / n'_a(0)",
    source=f"{CLARIFY} (DCR)",
    between=ANY,
    undefined="a facet has no negative predictions",
)
def DCRej(f: Facets) -> float:
    """Difference in conditional rejection."""
    a, d = f.a, f.d
    return ratio(d.fp + d.tn, d.fn + d.tn) - ratio(a.fp + a.tn, a.fn + a.tn)


@clarify("TP_a / (TP_a + FN_a) - TP_d / (TP_d + FN_d)", undefined="a facet has no positive labels")
def RD(f: Facets) -> float:
    """Recall difference."""
    return ratio(f.a.tp, f.a.tp + f.a.fn) - ratio(f.d.tp, f.d.tp + f.d.fn)


@clarify("TN_d / (TN_d + FP_d) - TN_a / (TN_a + FP_a)", undefined="a facet has no negative labels")
def SD(f: Facets) -> float:
    """Specificity difference."""
    return ratio(f.d.tn, f.d.tn + f.d.fp) - ratio(f.a.tn, f.a.tn + f.a.fp)


@clarify(
    "TP_a / (TP_a + FP_a) - TP_d / (TP_d + FP_d)", undefined="a facet has no positive predictions"
)
def DAR(f: Facets) -> float:
    """Difference in acceptance rates (of precision)."""
    return ratio(f.a.tp, f.a.tp + f.a.fp) - ratio(f.d.tp, f.d.tp + f.d.fp)


@clarify(
    "TN_d / (TN_d + FN_d) - TN_a / (TN_a + FN_a)", undefined="a facet has no negative predictions"
)
def DRR(f: Facets) -> float:
    """Difference in rejection rates (of negative predictive value)."""
    return ratio(f.d.tn, f.d.tn + f.d.fn) - ratio(f.a.tn, f.a.tn + f.a.fn)


@clarify("(TP_a + TN_a) / n_a - (TP_d + TN_d) / n_d", undefined="a facet has no rows")
def AD(f: Facets) -> float:
    """Accuracy difference."""
    return ratio(f.a.tp + f.a.tn, f.a.n) - ratio(f.d.tp + f.d.tn, f.d.n)


@clarify(
    "FN_d / FP_d - FN_a / FP_a",
    source=f"{CLARIFY} (an earlier version had FP_a / FN_a - FP_d / FN_d)",
    between=ANY,
    undefined="a facet has no false positives",
)
def TE(f: Facets) -> float:
    """Treatment equality."""
    return ratio(f.d.fn, f.d.fp) - ratio(f.a.fn, f.a.fp)


@clarify(
    "1/n sum_i n_i DDPL_i, DDPL_i = n'_di(0) / n'_i(0) - n'_di(1) / n'_i(1) in stratum i",
    source=f"{CLARIFY}; Wachter et al., Why Fairness Cannot Be Automated, 2020",
    undefined="a stratum has only one of both predictions: merge strata",
)
def CDDPL(f: Facets) -> float:
    """Conditional demographic disparity in predicted labels over the control features' strata."""
    return conditional_disparity(f)


@dataclass(frozen=True)
class Errors:
    """Weights of all rows, of the false positives and of the false negatives."""

    n: float
    fp: float
    fn: float


@measure(
    OVERALL,
    "1 / (2 n) sum_i ((b_i / mean b)^2 - 1), b_i = y'_i - y_i + 1",
    source=f"{CLARIFY}; Speicher et al., 2018",
    between=(0, INF),
    undefined="all rows are false negatives",
)
def GE(e: Errors) -> float:
    """Generalized entropy at alpha = 2 of the benefits of all rows, whatever their group."""
    mean = ratio(e.n + e.fp - e.fn, e.n)
    square = ratio(e.n + 3 * e.fp - e.fn, e.n)
    return (ratio(square, mean**2) - 1) / 2
