"""Check that the trees that were read predict the same as the model.

Values can add up although a value takes the wrong branch at a node that only mixed rows reach.
Therefore, predictions are compared on mixed rows, on rows with values on thresholds, and on rows
with missing values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from rai_scale.explanations.local.additivity import OF_PREDICTION, TOLERANCE
from rai_scale.explanations.local.trees.nodes import Trees
from rai_scale.explanations.local.values import Task
from rai_scale.models.unwrap import MethodUnfit, Unwrapped

PROBES = 256


def check_probes(task: Task, inner: Unwrapped, trees: Trees) -> None:
    """Compare the scores of the trees with the model's predictions, up to a constant.

    Raises
    ------
    MethodUnfit
        If they differ.
    """
    constant = None
    for rows, what in _probes(task.background, inner, trees):
        try:
            predicted = task.output.in_blocks(rows)
        except Exception:
            if what == "missing values":
                continue  # the model does not accept them
            raise
        scores = task.output.pick(trees.scores(trees.codes(inner.numbers(rows))))
        gap = predicted - scores
        constant = gap.mean(axis=0) if constant is None else constant
        allowed = TOLERANCE * np.ptp(scores, axis=0) + OF_PREDICTION * np.abs(predicted)
        if not (np.abs(gap - constant) <= allowed).all():
            raise MethodUnfit(f"the predictions of the trees and of the model differ for {what}")


def _probes(
    background: pd.DataFrame, inner: Unwrapped, trees: Trees
) -> Iterator[tuple[pd.DataFrame, str]]:
    rng = np.random.default_rng(0)
    mixed = _mixed(background, rng)
    yield mixed, "mixed rows"
    if inner.direct:
        yield _on_thresholds(mixed, inner, trees, rng), "values on thresholds"
    yield _with_holes(mixed, rng), "missing values"


def _mixed(background: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw each feature from a different background row."""
    columns = {
        name: background[name].take(rng.integers(0, len(background), PROBES)).array
        for name in background
    }
    return pd.DataFrame(columns)


def _on_thresholds(
    mixed: pd.DataFrame, inner: Unwrapped, trees: Trees, rng: np.random.Generator
) -> pd.DataFrame:
    """Set half of the numbers to thresholds of their feature, if the dtype can hold them."""
    found = mixed.copy()
    for name, at in zip(mixed, inner.positions(map(str, mixed)), strict=True):
        dtype, cuts = mixed[name].dtype, trees.cuts[at]
        if not (isinstance(dtype, np.dtype) and dtype.kind in "iuf" and len(cuts)):
            continue
        drawn = rng.choice(cuts, PROBES)
        held = np.floor(drawn) if dtype.kind in "iu" else drawn
        low, high = _range(dtype)
        there = (held >= low) & (held <= high) & (rng.random(PROBES) < 0.5)  # noqa: PLR2004
        found.loc[there, name] = held[there].astype(dtype)
    return found


def _range(dtype: np.dtype) -> tuple[float, float]:
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return float(info.min), float(np.nextafter(float(info.max), 0))


def _with_holes(mixed: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Make a fifth of the values missing, in columns whose dtype allows it."""
    holes = rng.random(mixed.shape) < 0.2  # noqa: PLR2004
    for number, name in enumerate(mixed):
        dtype = mixed[name].dtype
        if isinstance(dtype, np.dtype) and dtype.kind != "f":
            holes[:, number] = False
    return mixed.mask(holes)
