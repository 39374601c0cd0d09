"""How the rows of a node go to its children, as conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.error_analysis.cohorts.condition_sql import Predicate
from rai_scale.error_analysis.cohorts.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Missing,
    Not,
    OneOf,
)
from rai_scale.error_analysis.trees.bins import Bins, CategoryBins
from rai_scale.error_analysis.trees.counting import CountedFrame
from rai_scale.error_analysis.trees.splits import Split


@dataclass(frozen=True)
class Routes:
    """A split of a node.

    Attributes
    ----------
    feature : str
    left, right : Condition
        Of a row's value. No row fits both.
    threshold : float, optional
        Numbers up to it go left; infinite if only missing values go right.
    values : tuple, optional
        The categories that go left.
    missing : {"left", "right"} or None
        Where rows without a value go; None if the tree's rows all had one. Such rows of other
        frames then belong to no child.
    """

    feature: str
    left: Condition
    right: Condition
    threshold: float | None = None
    values: tuple[Any, ...] | None = None
    missing: str | None = None

    def case(self, predicate: Predicate, left: str, right: str) -> str:
        """Return SQL that is ``left`` or ``right`` depending on the side of a row."""
        rest = f"WHEN {predicate.sql(self.right)} THEN {right} ELSE CAST(NULL AS BIGINT)"
        rest = rest if self.missing is None else f"ELSE {right}"
        return f"CASE WHEN {predicate.sql(self.left)} THEN {left} {rest} END"


def routes_of(frame: CountedFrame, feature: str, bins: Bins, split: Split) -> Routes:
    """Return the routes of a split.

    Parameters
    ----------
    frame : CountedFrame
    feature : str
    bins : NumericBins or CategoryBins
    split : Split
    """
    if isinstance(bins, CategoryBins):
        codes = np.sort(bins.codes[split.left[1:]])
        values = tuple(bins.values.take(pa.array(codes)).to_pylist())
        left: Condition = OneOf(feature, values)
        return Routes(feature, left, Not(left), values=values, missing="right")
    assert split.threshold is not None
    threshold = float(bins.bounds[split.threshold])
    empty, known = Missing(feature), Not(Missing(feature))
    if math.isinf(threshold):
        return Routes(feature, known, empty, threshold, missing="right")
    if pa.types.is_boolean(frame.schema.field(feature).type):
        low, high = Compare(feature, "=", False), Compare(feature, "=", True)
    else:
        low, high = Compare(feature, "<=", threshold), Compare(feature, ">", threshold)
    if not bins.missing:
        return Routes(feature, low, high, threshold)
    if split.left[-1]:
        return Routes(feature, AnyOf((low, empty)), high, threshold, missing="left")
    return Routes(feature, low, AnyOf((high, empty)), threshold, missing="right")


def joined(path: Condition | None, step: Condition) -> Condition:
    """Return the condition of a child: that of its parent, and its own."""
    parts = path.parts if isinstance(path, AllOf) else () if path is None else (path,)
    return step if not parts else AllOf((*parts, step))
