"""AUC and average precision of a score histogram, with a bound of the error due to binning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rai_scale.statistics.histogram import ScoreCells, ScoreSteps


@dataclass(frozen=True)
class BoundedMetric:
    """A metric by group and overall, each with an error bound.

    Attributes
    ----------
    by_group : DataFrame
        The group columns, ``value`` and ``bound``: the metric of the rows themselves is between
        ``value - bound`` and ``value + bound``. NaN if a group lacks a label that is needed.
    overall : tuple of (float, float)
        Value and bound over all rows.
    """

    by_group: pd.DataFrame
    overall: tuple[float, float]


def auc_with_bound(cells: ScoreCells) -> BoundedMetric:
    """Return the area under the ROC curve, as ``sklearn.metrics.roc_auc_score``.

    The area is the share of (positive, negative) pairs in which the positive has the higher score;
    a tie counts half (Hanley and McNeil 1982). Binning only turns pairs within one bin into ties,
    each wrong by at most a half, so ``bound = sum(pos * neg) / (2 P N)`` over the bins. The bound
    follows from the counts alone, whatever the scores; it is 0 with distinct scores.
    """
    return _per_group(cells, _auc)


def average_precision_with_bound(cells: ScoreCells) -> BoundedMetric:
    """Return the average precision, as ``sklearn.metrics.average_precision_score``.

    It is ``sum((R_i - R_{i-1}) * P_i)`` over the distinct scores, with recall R and precision P. A
    bin with p positives and q negatives, below T positives and F negatives, contributes between
    ``p - (F + q) * log((T + p + F + q) / (T + F + q))`` (all its negatives first, then its
    positives with distinct scores) and ``p * (T + p) / (T + p + F)`` (all its positives first, as
    one tie), divided by the number of positives. The bound is the larger distance to these; it is
    0 with distinct scores.
    """
    return _per_group(cells, _average_precision)


def _per_group(
    cells: ScoreCells, metric: Callable[[ScoreSteps, bool], tuple[float, float]]
) -> BoundedMetric:
    found = [metric(cells.steps(i), cells.exact) for i in range(len(cells.groups))]
    values = pd.DataFrame(found, columns=["value", "bound"], dtype="float64")
    overall = metric(cells.steps(), cells.exact)
    return BoundedMetric(pd.concat([cells.groups, values], axis=1), overall)


def _auc(steps: ScoreSteps, exact: bool) -> tuple[float, float]:
    pos, neg = steps.positive_weight, steps.negative_weight
    pairs = pos.sum() * neg.sum()
    if not pairs:
        return float("nan"), float("nan")
    below = neg.sum() - np.cumsum(neg)
    value = (pos * (below + neg / 2)).sum() / pairs
    return float(value), 0.0 if exact else float((pos * neg).sum() / (2 * pairs))


def _average_precision(steps: ScoreSteps, exact: bool) -> tuple[float, float]:
    p, q = steps.positive_weight, steps.negative_weight
    total = p.sum()
    if not total:
        return float("nan"), float("nan")
    some = p > 0
    above_p, above_q = (np.cumsum(p) - p)[some], (np.cumsum(q) - q)[some]
    p, q = p[some], q[some]
    value = (p * (above_p + p) / (above_p + p + above_q + q)).sum() / total
    if exact:
        return float(value), 0.0
    best = (p * (above_p + p) / (above_p + p + above_q)).sum() / total
    before = above_p + above_q + q  # 0 only if no negative comes before
    ratio = np.divide(before + p, before, out=np.ones_like(p), where=before > 0)
    worst = (p - (above_q + q) * np.log(ratio)).sum() / total
    return float(value), float(max(best - value, value - worst))
