"""The best split of a node by one feature: LightGBM's search over the sums per bin.

``numeric_split`` is ``FindBestThresholdSequentially`` and ``category_split`` is
``FindBestThresholdCategoricalInner`` (``src/treelearner/feature_histogram``, version 4), with
LightGBM's default options. Two things differ. A split on which both sides have the same mean error
has no gain, where LightGBM sometimes finds one of 2e-15 by rounding. And gains that differ by
rounding alone are equal: the first split that was tried, of the first feature, is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rai_scale.error_analysis.trees.bins import Bins, CategoryBins, NumericBins
from rai_scale.error_analysis.trees.gradients import EPSILON, Gradients, Sums

MIN_HESSIAN = 1e-3
CAT_SMOOTH = 10.0
CAT_L2 = 10.0
MIN_DATA_PER_GROUP = 100
MAX_CAT_THRESHOLD = 32
MAX_CAT_TO_ONEHOT = 4
ROUNDING = 1e-12
"""Gains and means with a smaller relative difference are equal."""


@dataclass(frozen=True)
class Split:
    """How a node is divided.

    Attributes
    ----------
    gain : float
        LightGBM's gain.
    left : ndarray of bool, shape (bins,)
        The bins that go to the left child.
    threshold : int, optional
        The last bin of numbers on the left; None for categories.
    """

    gain: float
    left: np.ndarray
    threshold: int | None = None


@dataclass(frozen=True)
class NodeSums:
    """The sums of a node: per bin of one feature, and in total.

    Attributes
    ----------
    sums : Sums
        Per bin.
    grad, hess : ndarray of float64, shape (bins,)
    total_grad, total_hess : float
    rows : int
    """

    sums: Sums
    grad: np.ndarray
    hess: np.ndarray
    total_grad: float
    total_hess: float
    rows: int

    @classmethod
    def of(cls, sums: Sums, gradients: Gradients) -> NodeSums:
        """Return the sums of a node whose rows all have a bin."""
        grad, hess = gradients.of(sums)
        total = sums.total()
        whole_grad, whole_hess = gradients.of(total)
        return cls(
            sums, grad, hess, float(whole_grad), float(whole_hess) + 2 * EPSILON, int(total.rows)
        )


def best_split(
    bins: Bins, sums: Sums, gradients: Gradients, min_child_samples: int
) -> Split | None:
    """Return the best split of a node by one feature, or None if none has a gain.

    Parameters
    ----------
    bins : NumericBins or CategoryBins
    sums : Sums
        Of the node, per bin.
    gradients : Gradients
    min_child_samples : int
        The least rows of a child.
    """
    node = NodeSums.of(sums, gradients)
    search = _by_category if isinstance(bins, CategoryBins) else _by_number
    shift = _gain(np.array(node.total_grad), np.array(node.total_hess))
    best: Split | None = None
    for tried in search(bins, node, min_child_samples):  # type: ignore[arg-type]
        if best is None or tried.gain - best.gain > ROUNDING * abs(best.gain):
            best = tried
    if best is None:
        return None
    return Split(float(best.gain - shift), best.left, best.threshold)


def _gain(grad: np.ndarray, hess: np.ndarray, l2: float = 0.0) -> np.ndarray:
    return np.asarray((grad * grad) / (hess + l2))


def _by_number(bins: NumericBins, node: NodeSums, least: int) -> Iterator[Split]:
    """Yield the best split of each scan: missing values go left, then right."""
    last = bins.count - 1
    scanned = bins.missing and bins.count > 2  # noqa: PLR2004
    highest = last - scanned
    down = np.arange(highest, 0, -1)  # the bins that go right, one more each time
    if len(down):
        right = _running(node, down)
        yield from _best_threshold(node, right, down - 1, least, bins, left=scanned)
    if scanned:
        up = np.arange(0, last)
        left = _running(node, up)
        yield from _best_threshold(node, left, up, least, bins, left=False, upwards=True)


def _running(node: NodeSums, order: np.ndarray) -> tuple[np.ndarray, ...]:
    grad = np.cumsum(node.grad[order])
    hess = np.cumsum(np.r_[EPSILON, node.hess[order]])[1:]
    return grad, hess, np.cumsum(node.sums.rows[order])


def _best_threshold(
    node: NodeSums,
    side: tuple[np.ndarray, ...],
    thresholds: np.ndarray,
    least: int,
    bins: NumericBins,
    *,
    left: bool,
    upwards: bool = False,
) -> Iterator[Split]:
    grad, hess, rows = side
    other_grad, other_hess = node.total_grad - grad, node.total_hess - hess
    allowed = (rows >= least) & (node.rows - rows >= least)
    allowed &= (hess >= MIN_HESSIAN) & (other_hess >= MIN_HESSIAN)
    error = np.cumsum(node.sums.error[thresholds if upwards else thresholds + 1])
    weight = np.cumsum(node.sums.weight[thresholds if upwards else thresholds + 1])
    allowed &= _differ(node, error, weight)
    if not allowed.any():
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = _gain(other_grad, other_hess) + _gain(grad, hess)
    gain = np.where(allowed, gain, -np.inf)
    at = int(np.flatnonzero(gain >= gain.max() - ROUNDING * abs(gain.max()))[0])
    threshold = int(thresholds[at])
    chosen = np.arange(bins.count) <= threshold
    chosen[-1] |= left
    if upwards and bins.missing:
        chosen[-1] = False
    yield Split(float(gain[at]), chosen, threshold)


def _differ(node: NodeSums, error: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return whether the mean error differs between some bins and the others."""
    all_error, all_weight = float(node.sums.error.sum()), float(node.sums.weight.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        one, rest = error / weight, (all_error - error) / (all_weight - weight)
    return np.asarray(np.abs(one - rest) > ROUNDING * np.maximum(np.abs(one), np.abs(rest)))


def _by_category(bins: CategoryBins, node: NodeSums, least: int) -> Iterator[Split]:
    shift = _gain(np.array(node.total_grad), np.array(node.total_hess))
    one_hot = bins.count <= MAX_CAT_TO_ONEHOT
    tried = _single_categories(bins, node, least) if one_hot else _sorted(bins, node, least)
    for chosen, gain in tried:
        left = np.zeros(bins.count, bool)
        left[chosen] = True
        error, weight = node.sums.error[left].sum(), node.sums.weight[left].sum()
        if gain > shift and _differ(node, np.array(error), np.array(weight)):
            yield Split(float(gain), left)


def _single_categories(
    bins: CategoryBins, node: NodeSums, least: int
) -> Iterator[tuple[np.ndarray, float]]:
    """Yield each category alone."""
    for t in range(1, bins.count):
        rows, hess = int(node.sums.rows[t]), float(node.hess[t])
        rest = node.total_hess - hess - EPSILON
        if min(rows, node.rows - rows) >= least and min(hess, rest) >= MIN_HESSIAN:
            other = _gain(np.array(node.total_grad - node.grad[t]), np.array(rest))
            yield np.array([t]), float(other + _gain(node.grad[t], np.array(hess + EPSILON)))


def _sorted(bins: CategoryBins, node: NodeSums, least: int) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the first categories in the order of their mean gradient, from both ends."""
    frequent = np.arange(1, bins.count)[node.sums.rows[1:] >= CAT_SMOOTH]
    score = node.grad[frequent] / (node.hess[frequent] + CAT_SMOOTH)
    order = frequent[np.argsort(score, kind="stable")]
    most = min(MAX_CAT_THRESHOLD, (len(order) + 1) // 2)
    for direction in (order, order[::-1]):
        grad, hess, rows, group = 0.0, EPSILON, 0, 0
        for i, t in enumerate(direction[:most]):
            grad += node.grad[t]
            hess += node.hess[t]
            rows += int(node.sums.rows[t])
            group += int(node.sums.rows[t])
            if rows < least or hess < MIN_HESSIAN:
                continue
            rest = node.total_hess - hess
            if node.rows - rows < max(least, MIN_DATA_PER_GROUP) or rest < MIN_HESSIAN:
                break
            if group < MIN_DATA_PER_GROUP:
                continue
            group = 0
            right = _gain(np.array(node.total_grad - grad), np.array(rest), CAT_L2)
            yield direction[: i + 1], float(_gain(np.array(grad), np.array(hess), CAT_L2) + right)
