"""Points of every threshold of a group, and their trade-off curve as in Fairlearn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rai_scale.fairness.thresholds.hull import upper_hull
from rai_scale.statistics.histogram import ScoreSteps
from rai_scale.upstream.fairlearn import (
    METRIC_DICT,
    ThresholdOperation,
    extend_confusion_matrix,
    interpolate_curve,
)


@dataclass(frozen=True)
class ThresholdPoints:
    """The rows that each threshold of one group selects, from the highest threshold to the lowest.

    Attributes
    ----------
    false_positives, true_positives : ndarray of int64, shape (thresholds,)
        Rows above the threshold; the first is 0 and the last all rows.
    above : ndarray of float64
        ``score > above`` selects exactly those rows.
    below : ndarray of float64
        ``score < below`` selects exactly the others.
    """

    false_positives: np.ndarray
    true_positives: np.ndarray
    above: np.ndarray
    below: np.ndarray

    @property
    def positives(self) -> int:
        """Rows of label 1."""
        return int(self.true_positives[-1])

    @property
    def negatives(self) -> int:
        """Rows of label 0."""
        return int(self.false_positives[-1])

    @property
    def rows(self) -> int:
        """All rows."""
        return self.positives + self.negatives


def exact_points(steps: ScoreSteps) -> ThresholdPoints:
    """Return a point per distinct score; thresholds are midway between scores, as in Fairlearn."""
    following = np.r_[steps.score[1:], -np.inf]
    between = np.r_[np.inf, (steps.score + following) / 2]
    return ThresholdPoints(_from_0(steps.negatives), _from_0(steps.positives), between, between)


def binned_points(steps: ScoreSteps, edges: np.ndarray) -> ThresholdPoints:
    """Return a point per bin that holds rows; thresholds are the lower edges of bins.

    A row on an edge belongs to the bin below, so ``score < t`` needs the next float after the edge.
    """
    lower = edges[np.searchsorted(edges, steps.score) - 1]
    above = np.r_[np.inf, lower[:-1], -np.inf]
    below = np.r_[np.inf, np.nextafter(lower[:-1], np.inf), -np.inf]
    return ThresholdPoints(_from_0(steps.negatives), _from_0(steps.positives), above, below)


def optimistic_points(points: ThresholdPoints) -> ThresholdPoints:
    """Return the points, and the best and the worst possible points inside each bin.

    For any order of the rows in a bin, its thresholds are in the rectangle between its two points:
    no curve of the rows is above the hull of all corners.
    """
    fp, tp = points.false_positives, points.true_positives
    return ThresholdPoints(
        np.r_[np.column_stack([fp[:-1], fp[:-1], fp[1:]]).ravel(), fp[-1]],
        np.r_[np.column_stack([tp[:-1], tp[1:], tp[:-1]]).ravel(), tp[-1]],
        np.r_[np.repeat(points.above[:-1], 3), points.above[-1]],
        np.r_[np.repeat(points.below[:-1], 3), points.below[-1]],
    )


def _from_0(counts: np.ndarray) -> np.ndarray:
    return np.r_[0, np.cumsum(counts)]


def tradeoff_hull(
    points: ThresholdPoints, x_metric: str, y_metric: str, flip: bool
) -> pd.DataFrame:
    """Return the upper hull of a group's trade-offs: Fairlearn's ``_tradeoff_curve`` of its rows.

    Columns x, y and operation; the same numbers in the same order of arithmetic.
    """
    positives, negatives = points.positives, points.negatives
    tp, fp = points.true_positives, points.false_positives
    kinds = [(tp, fp)]
    if flip:
        kinds.append((positives - tp, negatives - fp))
    counts = [
        extend_confusion_matrix(
            true_positives=t,
            false_positives=f,
            true_negatives=negatives - f,
            false_negatives=positives - t,
        )
        for t, f in kinds
    ]
    # Fairlearn lists both operations of a threshold together, and ties keep this order
    x = np.column_stack([METRIC_DICT[x_metric](c) for c in counts]).ravel()
    y = np.column_stack([METRIC_DICT[y_metric](c) for c in counts]).ravel()
    order = _sorted(x, y)
    chosen = order[upper_hull(x[order], y[order])]
    operations = [_operation(points, *divmod(int(i), len(kinds))) for i in chosen]
    return pd.DataFrame({"x": x[chosen], "y": y[chosen], "operation": operations})


def _sorted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rising = (x[1:] > x[:-1]) | ((x[1:] == x[:-1]) & (y[1:] >= y[:-1]))
    return np.arange(len(x)) if rising.all() else np.lexsort((y, x))


def _operation(points: ThresholdPoints, at: int, flipped: int) -> ThresholdOperation:
    if flipped:
        return ThresholdOperation("<", float(points.below[at]))
    return ThresholdOperation(">", float(points.above[at]))


def tradeoff_curve(
    points: ThresholdPoints, x_metric: str, y_metric: str, flip: bool, x_grid: np.ndarray
) -> pd.DataFrame:
    """Return a group's curve on the grid: x, y, p0, operation0, p1, operation1."""
    hull = tradeoff_hull(points, x_metric, y_metric, flip)
    return interpolate_curve(hull, "x", "y", "operation", x_grid)
