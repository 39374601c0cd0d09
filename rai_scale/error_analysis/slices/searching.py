"""Search combinations of items level by level, without those that cannot be among the best.

A slice is counted only if all slices with one condition less have enough rows and errors, and
their smallest rows and errors allow a score above that of the k-th best slice (SliceLine's
pruning). Slices of the same features are counted together, by one GROUP BY, or from the cells of
all features where these fit on the driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod

import numpy as np

from rai_scale.error_analysis.slices.items import ItemFrame
from rai_scale.error_analysis.slices.scores import Scoring

Combination = tuple[int, ...]


@dataclass(frozen=True)
class Level:
    """The slices of one combination of features: an array per item of each feature.

    Attributes
    ----------
    rows, errors : ndarray of float64, one axis per feature
    open : ndarray of bool
        Whether slices within each may be searched.
    """

    rows: np.ndarray
    errors: np.ndarray
    open: np.ndarray


@dataclass
class Found:
    """The best slices and how much was searched.

    Attributes
    ----------
    levels : dict of tuple of int to Level
        The counts of each combination of features that was counted.
    best : list of (float, tuple, tuple)
        Score, features and items; the best first.
    searched : int
        All slices of items with enough rows, whether they were counted or excluded by a bound: the
        number of tests, which must not depend on the errors.
    """

    levels: dict[Combination, Level] = field(default_factory=dict)
    best: list[tuple[float, Combination, Combination]] = field(default_factory=list)
    searched: int = 0


def search(frame: ItemFrame, scoring: Scoring, depth: int, k: int) -> Found:
    """Return the ``k`` slices with the largest scores above 0, and those equal to the last."""
    found, cells = Found(), frame.cells()
    sizes = [items.count for items in frame.items]
    for level in range(1, min(depth, len(sizes)) + 1):
        for features in combinations(range(len(sizes)), level):
            candidates = _candidates(found, features, scoring, k, sizes)
            if candidates is None:
                continue
            rows, errors = _count(frame, cells, features, sizes)
            big = candidates & (rows >= scoring.min_rows) & (errors > 0)
            found.levels[features] = Level(rows, errors, big)
            _keep_best(found, features, scoring, k)
    frequent = [int((found.levels[(f,)].rows >= scoring.min_rows).sum()) for f in range(len(sizes))]
    found.searched = sum(
        prod(chosen) for n in range(1, depth + 1) for chosen in combinations(frequent, n)
    )
    return found


def _candidates(
    found: Found, features: Combination, scoring: Scoring, k: int, sizes: Sequence[int]
) -> np.ndarray | None:
    """Return which slices may be among the best; None if none may."""
    shape = [sizes[f] for f in features]
    if len(features) == 1:
        return np.ones(shape, bool)
    rows, errors = np.full(shape, np.inf), np.full(shape, np.inf)
    opened = np.ones(shape, bool)
    for at in range(len(features)):
        parent = found.levels.get(features[:at] + features[at + 1 :])
        if parent is None:
            return None
        rows = np.minimum(rows, np.expand_dims(parent.rows, at))
        errors = np.minimum(errors, np.expand_dims(parent.errors, at))
        opened &= np.expand_dims(parent.open, at)
    if not opened.any():
        return None
    bound = np.full(shape, -np.inf)
    bound[opened] = scoring.bound(rows[opened], errors[opened])
    least = found.best[-1][0] if len(found.best) >= k else 0.0
    opened &= (bound > 0) & (bound >= least - 1e-12 * abs(least))
    return opened if opened.any() else None


def _count(
    frame: ItemFrame,
    cells: tuple[np.ndarray, ...] | None,
    features: Combination,
    sizes: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    codes, rows, errors = frame.counts(features) if cells is None else cells
    chosen = codes if cells is None else codes[:, features]
    shape = tuple(sizes[f] for f in features)
    place = np.ravel_multi_index(tuple(chosen.T), shape)
    size = prod(shape)
    return (
        np.bincount(place, rows, size).reshape(shape),
        np.bincount(place, errors, size).reshape(shape),
    )


def _keep_best(found: Found, features: Combination, scoring: Scoring, k: int) -> None:
    level = found.levels[features]
    places = np.argwhere(level.open)
    scores = scoring.of(level.rows[level.open], level.errors[level.open])
    new = [
        (float(score), features, tuple(map(int, place)))
        for score, place in zip(scores, places, strict=True)
        if score > 0
    ]
    ranked = sorted([*found.best, *new], key=lambda one: (-one[0], len(one[1]), one[1:]))
    last = ranked[k - 1][0] if len(ranked) > k else -np.inf
    found.best = [one for one in ranked if one[0] >= last]


def is_redundant(
    found: Found, slice_: tuple[float, Combination, Combination], scoring: Scoring
) -> bool:
    """Return whether fewer of a slice's conditions have the same score or more."""
    score, features, places = slice_
    for kept in product((False, True), repeat=len(features)):
        chosen = [at for at, keep in enumerate(kept) if keep]
        if chosen and len(chosen) < len(features):
            level = found.levels[tuple(features[at] for at in chosen)]
            at = tuple(places[i] for i in chosen)
            if scoring.of(level.rows[at], level.errors[at]) >= score:
                return True
    return False
