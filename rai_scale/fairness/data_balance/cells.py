"""The table of counts that every measure is computed from, and sums over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError

SMALL = 30
"""Groups with fewer rows are flagged as small."""

MAX_GROUPS = 200
"""The most values of one sensitive feature; the number of pairs grows with its square."""


@dataclass(frozen=True)
class Columns:
    """The roles of the columns."""

    sensitive: tuple[str, ...]
    label: str | None = None
    prediction: str | None = None
    score: str | None = None
    positive: Any = 1
    control: tuple[str, ...] = ()
    sample_weight: str | None = None

    @property
    def keys(self) -> list[str]:
        """Return the columns to group by."""
        outcomes = [name for name in (self.label, self.prediction) if name is not None]
        return [*self.sensitive, *self.control, *outcomes]

    @property
    def numbers(self) -> list[str]:
        """Return the columns to sum."""
        return [name for name in (self.score, self.sample_weight) if name is not None]


@dataclass(frozen=True)
class BalanceCells:
    """One entry per combination of the keys that occurs.

    ``rows`` counts, ``weight`` is the sum of the sample weights (or the rows), ``score`` the sum
    of the weighted scores. Noise may be added to these before anything is computed.
    """

    columns: Columns
    keys: pd.DataFrame
    rows: np.ndarray
    weight: np.ndarray
    score: np.ndarray | None = None

    def is_positive(self, column: str) -> np.ndarray:
        """Return per cell whether a column has the positive value."""
        return (self.keys[column] == self.columns.positive).to_numpy(dtype=bool)


@dataclass(frozen=True)
class OutcomeWeights:
    """Weights per group of selected and other rows, also by label; None without labels."""

    selected: np.ndarray
    rest: np.ndarray
    tp: Any = None
    fp: Any = None
    fn: Any = None
    tn: Any = None


@dataclass(frozen=True)
class Strata:
    """Weights per group and stratum (combination of control values) of both outcomes."""

    negative: np.ndarray
    positive: np.ndarray


@dataclass(frozen=True)
class Groups:
    """The cells added up over the values of one feature, or of several together."""

    name: str
    values: list[Any]
    rows: np.ndarray
    weight: np.ndarray
    classes: np.ndarray | None = None
    outcomes: dict[str, OutcomeWeights] = field(default_factory=dict)
    strata: dict[str, Strata] = field(default_factory=dict)


def group(cells: BalanceCells, features: list[str]) -> Groups:
    """Sum the cells over ``features``; values are sorted, tuples for several features."""
    codes, values = _codes(cells.keys, features)
    columns, size = cells.columns, len(values)

    def add(weights: np.ndarray) -> np.ndarray:
        return np.bincount(codes, weights, size)

    positive: Any = None
    selected = {}
    if columns.label is not None:
        positive = cells.is_positive(columns.label)
        selected["label"] = np.where(positive, cells.weight, 0)
    if columns.prediction is not None:
        selected["prediction"] = np.where(cells.is_positive(columns.prediction), cells.weight, 0)
    if cells.score is not None:
        selected["score"] = cells.score
    outcomes = {
        name: _outcome(add, weights, cells.weight, None if name == "label" else positive)
        for name, weights in selected.items()
    }
    strata = {}
    if columns.control:
        strata = {name: _strata(cells, codes, size, weights) for name, weights in selected.items()}
    return Groups(
        " x ".join(features),
        values,
        add(cells.rows).astype(np.int64),
        add(cells.weight),
        None
        if columns.label is None
        else _cross(cells, codes, size, [columns.label], cells.weight),
        outcomes,
        strata,
    )


def _codes(keys: pd.DataFrame, features: list[str]) -> tuple[np.ndarray, list[Any]]:
    grouped = keys.groupby(features, sort=True, observed=True)
    codes = grouped.ngroup().to_numpy(dtype=np.int64)
    first = keys[features].iloc[np.unique(codes, return_index=True)[1]]
    if len(features) == 1:
        return codes, first.iloc[:, 0].tolist()
    return codes, list(first.itertuples(index=False, name=None))


def _outcome(add: Any, selected: np.ndarray, weight: np.ndarray, label: Any) -> OutcomeWeights:
    if label is None:
        return OutcomeWeights(add(selected), add(weight - selected))
    rest = weight - selected
    return OutcomeWeights(
        add(selected),
        add(rest),
        add(np.where(label, selected, 0)),
        add(np.where(label, 0, selected)),
        add(np.where(label, rest, 0)),
        add(np.where(label, 0, rest)),
    )


def _cross(
    cells: BalanceCells, codes: np.ndarray, size: int, features: list[str], weights: np.ndarray
) -> np.ndarray:
    """Return the weights as a matrix of group by value of ``features``."""
    inner, values = _codes(cells.keys, features)
    flat = np.bincount(codes * len(values) + inner, weights, size * len(values))
    return flat.reshape(size, len(values))


def _strata(cells: BalanceCells, codes: np.ndarray, size: int, selected: np.ndarray) -> Strata:
    control = list(cells.columns.control)
    rest = _cross(cells, codes, size, control, cells.weight - selected)
    return Strata(rest, _cross(cells, codes, size, control, selected))


def reference_shares(groups: Groups, reference: Any) -> tuple[Groups, np.ndarray]:
    """Return the groups, including those that only the reference has, and the reference's shares.

    Raises
    ------
    ConfigError
        If the reference is neither ``"uniform"`` nor has any value of the feature.
    """
    if reference == "uniform":
        return groups, np.full(len(groups.values), 1 / len(groups.values))
    if not any(value in reference for value in groups.values):
        raise ConfigError(
            f"the reference for {groups.name!r} has none of its {len(groups.values)} values. "
            "Give the values in the column's own type, as {feature: {value: share}}."
        )
    absent = [value for value in reference if value not in groups.values]
    none = np.zeros(len(absent))
    wider = Groups(
        groups.name,
        [*groups.values, *absent],
        np.concatenate([groups.rows, none.astype(np.int64)]),
        np.concatenate([groups.weight, none]),
    )
    shares = np.array([float(reference.get(value, 0)) for value in wider.values])
    return wider, shares / shares.sum()
