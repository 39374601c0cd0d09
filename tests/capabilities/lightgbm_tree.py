"""LightGBM's own first tree, its differences from ours, and what each is proven to be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from rai_scale.error_analysis import ErrorTree
from rai_scale.error_analysis.trees.gradients import Gradients

LARGEST = 1e300  # LightGBM prints infinite thresholds so


@dataclass(frozen=True)
class Split:
    """A split: the feature, then either a threshold and where nulls go, or the values on the left."""

    feature: str
    threshold: float | None
    missing: str | None
    values: tuple | None
    left: Split | None = None
    right: Split | None = None

    def same(self, other: Split) -> bool:
        if self.feature != other.feature or self.values != other.values:
            return False
        if self.values is not None:
            return True
        ends = [max(min(s.threshold, LARGEST), -LARGEST) for s in (self, other)]
        return math.isclose(*ends, rel_tol=1e-14) and self.missing == other.missing

    def goes_left(self, rows: pd.DataFrame) -> np.ndarray:
        values = rows[self.feature]
        if self.values is not None:
            return values.isin(self.values).to_numpy()
        return np.where(values.isna(), self.missing == "left", values <= self.threshold).astype(
            bool
        )


def fitted(x: pd.DataFrame, wrong: np.ndarray, categorical=(), **options: Any) -> Split | None:
    """Return the tree that LightGBM fits to the errors with erroranalysis's options."""
    known = {name: sorted(x[name].dropna().unique()) for name in categorical}
    coded = x.assign(**{n: x[n].map({v: i for i, v in enumerate(known[n])}) for n in categorical})
    options = {"max_depth": 3, "num_leaves": 31, "min_child_samples": 20, **options}
    model = lightgbm.LGBMClassifier(
        n_estimators=1, n_jobs=1, verbose=-1, bin_construct_sample_cnt=len(x), **options
    )
    numbers = coded.astype(float).to_numpy()
    model.fit(numbers, wrong, categorical_feature=[list(x).index(n) for n in categorical] or "auto")
    return _of_dump(model.booster_.dump_model()["tree_info"][0]["tree_structure"], list(x), known)


def _of_dump(node: dict, names: list[str], known: dict) -> Split | None:
    if "split_feature" not in node:
        return None
    feature = names[node["split_feature"]]
    children = [_of_dump(node[side], names, known) for side in ("left_child", "right_child")]
    if node["decision_type"] == "==":
        codes = map(int, str(node["threshold"]).split("||"))
        values = tuple(sorted(known[feature][code] for code in codes))
        return Split(feature, None, None, values, *children)
    side = {"None": None, "NaN": "left" if node["default_left"] else "right"}
    threshold = float(node["threshold"])
    threshold = math.inf if threshold >= LARGEST else threshold
    return Split(feature, threshold, side[node["missing_type"]], None, *children)


def ours(tree: ErrorTree, number: int = 0) -> Split | None:
    """Return our tree in the same form."""
    node = tree.tree[number]
    if node.routes is None:
        return None
    made, children = node.routes, [ours(tree, child) for child in node.children]
    values = None if made.values is None else tuple(sorted(made.values))
    return Split(made.feature, made.threshold, made.missing, values, *children)


def unproven(theirs: Split | None, mine: Split | None, x: pd.DataFrame, wrong: np.ndarray) -> list:
    """Return the differences that are neither a tie of exact gains nor a split without gain."""
    gradients = Gradients.binary(wrong.mean()) if 0 < wrong.mean() < 1 else Gradients()
    return list(_unproven(theirs, mine, (x, wrong), gradients))


def _unproven(theirs, mine, rows, gradients, path=""):
    x, wrong = rows
    if theirs is None and mine is None:
        return
    if theirs is not None and mine is not None and theirs.same(mine):
        left = mine.goes_left(x)
        for side, chosen, a, b in (
            ("L", left, theirs.left, mine.left),
            ("R", ~left, theirs.right, mine.right),
        ):
            yield from _unproven(a, b, (x[chosen], wrong[chosen]), gradients, path + side)
        return
    gains = [_gains(split, x, wrong, gradients) for split in (theirs, mine)]
    if not gains[0] & gains[1]:
        yield path, theirs, mine, gains


def _gains(split: Split | None, x, wrong, gradients) -> set[Fraction]:
    """Return the exact gain; with categories also that with LightGBM's ``cat_l2``."""
    added = (0,) if split is None or split.values is None else (0, 10)
    return {_gain(split, x, wrong, gradients, l2) for l2 in added}


def _gain(split: Split | None, x, wrong, gradients: Gradients, l2: int) -> Fraction:
    """Return the exact gain of a split over none: no split has the gain 0."""
    if split is None:
        return Fraction(0)
    left = split.goes_left(x)
    whole = _half(len(x), int(wrong.sum()), gradients, 0)
    halves = (_half(int(s.sum()), int(wrong[s].sum()), gradients, l2) for s in (left, ~left))
    return sum(halves) - whole


def _half(rows: int, errors: int, gradients: Gradients, l2: int) -> Fraction:
    (g0, h0), (g1, h1) = gradients.right, gradients.wrong
    grad = (rows - errors) * Fraction(g0) + errors * Fraction(g1)
    hess = (rows - errors) * Fraction(h0) + errors * Fraction(h1) + l2
    return grad * grad / hess if hess else Fraction(0)
