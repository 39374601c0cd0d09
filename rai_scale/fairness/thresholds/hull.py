"""Convex hulls of trade-off points, and of ranges of scores, which can be merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rai_scale.errors import ConfigError
from rai_scale.statistics.score_bins import BIN, as_floats, raise_missing

RANGE_FIELDS = [
    pa.field("false_positives", pa.int64()),
    pa.field("true_positives", pa.int64()),
    pa.field("score", pa.float64()),
    pa.field("next_score", pa.float64()),
    pa.field("top", pa.float64()),
]


def upper_hull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the indices that Fairlearn's scan keeps of points sorted by (x, y).

    The scan is Andrew's monotone chain, with the same arithmetic as
    ``fairlearn.postprocessing._tradeoff_curve_utilities._filter_points_to_get_convex_hull``:
    rounding decides which of several points on a straight edge stay, and predictions depend on it.
    Points clearly below the line between two others are removed first: no scan keeps them, and no
    point on the hull is compared with them.
    """
    kept = np.arange(len(x))
    for thin in (_without_straight, _above_rough_hull, _without_interior):
        kept = kept[thin(x[kept], y[kept])]
    return kept[_scan(x[kept], y[kept])]


def _scan(x: np.ndarray, y: np.ndarray) -> list[int]:
    xs, ys = x.tolist(), y.tolist()
    stack: list[int] = []
    for i, (x2, y2) in enumerate(zip(xs, ys, strict=True)):
        while len(stack) >= 2:  # noqa: PLR2004
            a, b = stack[-2], stack[-1]
            if (ys[b] - ys[a]) * (x2 - xs[a]) > (y2 - ys[a]) * (xs[b] - xs[a]):
                break
            stack.pop()
        stack.append(i)
    return stack


def _without_straight(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the indices of the ends of vertical and horizontal runs, and of all other points.

    The scan removes the other points without rounding: one of its two products is exactly 0, or
    both have a common factor.
    """
    top = np.flatnonzero(np.r_[True, x[1:-1] != x[2:], True][: len(x)])
    level = np.r_[False, (y[top][1:-1] == y[top][:-2]) & (y[top][1:-1] == y[top][2:]), False]
    return top[~level[: len(top)]]


def _above_rough_hull(x: np.ndarray, y: np.ndarray, every: int = 64) -> np.ndarray:
    """Return the indices of the points that are not clearly below the hull of every 64th point.

    Points with the first and the last x are kept: there the hull has a vertical edge.
    """
    if len(x) < every**2:
        return np.arange(len(x))
    rough = np.r_[np.arange(0, len(x) - 1, every), len(x) - 1]
    hull = rough[_scan(x[rough], y[rough])]
    line = np.interp(x, x[hull], y[hull])
    ends = (x == x[0]) | (x == x[-1])
    return np.flatnonzero(ends | (y >= line - 1e-9 * (1 + np.abs(line))))


def _without_interior(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the indices of the points that are left after removing those below neighbours' lines.

    A point below the line between two others is not a vertex of the hull, so all such points are
    removed at once, repeatedly until few are removed. The margin is far above the rounding error of
    the product.
    """
    kept = np.arange(len(x))
    while len(kept) > 64:  # noqa: PLR2004
        px, py = x[kept], y[kept]
        width, rise = px[2:] - px[:-2], py[2:] - py[:-2]
        step, climb = px[1:-1] - px[:-2], py[1:-1] - py[:-2]
        margin = 4e-15 * (width + np.abs(climb) + np.abs(rise))
        stays = np.r_[True, climb * width - rise * step >= -margin, True]
        if stays.all():
            break
        before, kept = len(kept), kept[stays]
        if len(kept) > 0.95 * before:
            break
    return kept


def both_hulls(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the indices of the vertices of the upper and the lower hull, in exact arithmetic.

    Parameters
    ----------
    a, b : ndarray of int64
        Cumulative counts: both never decrease.
    """
    return np.union1d(_vertices(a, b), _vertices(-a[::-1], -b[::-1], len(a)))


def _vertices(a: np.ndarray, b: np.ndarray, reverse: int = 0) -> np.ndarray:
    """Repeatedly remove points on or below the line of their neighbours; points are distinct."""
    kept = np.arange(len(a))
    while len(kept) > 2:  # noqa: PLR2004
        ka, kb = a[kept], b[kept]
        turn = (kb[1:-1] - kb[:-2]) * (ka[2:] - ka[:-2]) - (kb[2:] - kb[:-2]) * (ka[1:-1] - ka[:-2])
        stays = np.r_[True, turn > 0, True]
        if stays.all():
            break
        kept = kept[stays]
    return reverse - 1 - kept if reverse else kept


@dataclass(frozen=True)
class RangeHull:
    """A table function: all rows of one range of one group become the vertices of their hulls.

    A vertex has the counts of the range's rows down to it, its lowest score, the next lower score
    of the range (null at the end of the range), and the range's highest score.
    """

    label: str
    score: str
    groups: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the vertices of one range, from the highest score down."""
        scores, labels = as_floats(table[self.score]), as_floats(table[self.label])
        raise_missing(int((~np.isfinite(scores)).sum()), "score", self.score)
        raise_missing(int((~np.isfinite(labels)).sum()), "label", self.label)
        if not np.isin(labels, (0, 1)).all():
            raise ConfigError(f"the label column {self.label!r} must have only the labels 0 and 1.")
        scores, positives, negatives = _by_score(scores, labels)
        tp, fp = np.cumsum(positives), np.cumsum(negatives)
        at = both_hulls(np.r_[0, fp], np.r_[0, tp])[1:] - 1
        following = pa.array(np.r_[scores[1:], np.nan][at], from_pandas=True)
        top = pa.array(np.full(len(at), scores[0]))
        columns = [pa.array(fp[at]), pa.array(tp[at]), pa.array(scores[at]), following, top]
        keys = [*self.groups, BIN]
        same = [table[key].slice(0, 1).take(pa.array(np.zeros(len(at), int))) for key in keys]
        fields = [table.schema.field(key) for key in keys] + RANGE_FIELDS
        return pa.table([*same, *columns], schema=pa.schema(fields))


def _by_score(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distinct scores, decreasing, with their positives and negatives."""
    order = np.argsort(-scores, kind="stable")
    scores, labels = scores[order], labels[order].astype(np.int64)
    first = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    rows = np.diff(np.r_[first, len(scores)])
    positives = np.add.reduceat(labels, first)
    return scores[first], positives, rows - positives
