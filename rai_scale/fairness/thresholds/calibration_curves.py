"""Calibration by group: reliability curves, expected and maximum calibration error, from counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, TooManyGroupsError, did_you_mean
from rai_scale.names import names_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.cells import MAX_CELLS, counts_of
from rai_scale.statistics.histogram import DEFAULT_BINS, ScoreColumns
from rai_scale.statistics.score_bins import (
    BIN,
    as_floats,
    bin_of,
    raise_missing_weight,
    score_range,
    with_bins,
)
from rai_scale.statistics.score_codes import binary_labels, group_levels
from rai_scale.statistics.wilson import wilson

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

STRATEGIES = ("uniform", "quantile")


@dataclass(frozen=True, repr=False)
class Calibration(Result):
    """How well scores agree with observed rates.

    Attributes
    ----------
    curve : DataFrame
        One row per group and bin that holds rows: the group columns, ``bin`` (0 is the lowest),
        ``lower`` and ``upper`` (the bin is ``(lower, upper]``), ``count`` (rows), ``mean_score``,
        ``observed_rate``, ``ci_low`` and ``ci_high`` (Wilson's 95 % interval of the rate).
    errors : DataFrame
        One row per group: the group columns, ``count``, ``ece`` (expected calibration error, the
        mean of ``|mean_score - observed_rate|`` over rows) and ``mce`` (its maximum over bins).
    exact_edges : bool
        False if quantiles were computed from 65,536 bins, because there were too many distinct
        scores; all other numbers are exact for the resulting edges.
    """

    curve: pd.DataFrame
    errors: pd.DataFrame
    exact_edges: bool

    def _tables(self) -> Tables:
        return {"errors": self.errors.copy, "curve": self.curve.copy}

    def _numbers(self) -> dict[str, float]:
        """Return the errors of the worst group."""
        return {f"max_{name}": float(self.errors[name].max()) for name in ("ece", "mce")}

    def totals(self) -> dict[str, int]:
        """Return the number of counted rows and groups."""
        rows = int(self.errors["count"].sum())
        return {"groups": len(self.errors), "bins": len(self.curve), "rows": rows}


def calibration(
    frame: Any,
    *,
    score: str,
    y_true: str,
    sensitive_features: Sequence[str] | str,
    n_bins: int = 10,
    strategy: str = "uniform",
    sample_weight: str | None = None,
    pos_label: Any = None,
    max_cells: int = MAX_CELLS,
) -> Calibration:
    """Compare scores with observed rates, per group and bin of scores.

    Each group's curve is that of ``sklearn.calibration.calibration_curve`` on its rows. The errors
    are those of Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using
    Bayesian Binning, 2015.

    Parameters
    ----------
    frame : DataFrame
        pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table.
    score : str
        Column of probabilities, from 0 to 1, none missing.
    y_true : str
        Column of two labels; 1 is the positive one unless ``pos_label`` is given.
    sensitive_features : str or sequence of str
        Columns that make the groups; an empty sequence takes all rows together.
    n_bins : int
        Bins per group.
    strategy : str
        ``"uniform"``: bins of equal width over [0, 1]. ``"quantile"``: bins with equal numbers of
        rows, as far as ties allow, by each group's own scores (weights do not change them).
    pos_label : optional
        The positive label, where labels are neither 0 and 1 nor -1 and 1.
    sample_weight : str, optional
        Numeric column that weights means, rates and errors. The interval is then that of
        ``sum(w)^2 / sum(w^2)`` rows (Kish), which is an approximation.
    max_cells : int
        Distinct (group, label, score) up to which quantiles are exact.

    Raises
    ------
    ConfigError
        For scores outside [0, 1], missing values and unknown strategies.
    """
    if strategy not in STRATEGIES:
        raise ConfigError(
            f"unknown strategy {strategy!r}; choose one of {', '.join(STRATEGIES)}."
            f"{did_you_mean(strategy, STRATEGIES)}"
        )
    if not isinstance(n_bins, int) or n_bins < 1:
        raise ConfigError(f"n_bins must be an integer above 0; found {n_bins!r}.")
    columns = ScoreColumns(
        tuple(names_of(sensitive_features)), y_true, score, sample_weight, pos_label
    )
    engine = engine_of(frame)
    columns.check(engine.schema(frame))
    _check_probabilities(engine, frame, score)
    if strategy == "uniform":
        edges = np.linspace(0.0, 1.0, n_bins + 1)
        sums = _binned_sums(engine, frame, columns, edges)
        return _calibration(sums, [edges] * len(sums.levels), True)
    try:
        sums, exact = _exact_sums(engine, frame, columns, max_cells), True
    except TooManyGroupsError:
        fine = np.linspace(0.0, 1.0, DEFAULT_BINS + 1)
        sums, exact = _binned_sums(engine, frame, columns, fine), False
    quantiles = np.linspace(0, 1, n_bins + 1) * 100 / 100  # rounded as in numpy's percentile
    groups = range(len(sums.levels))
    every = [_quantiles(*sums.scores_of(group), quantiles, exact) for group in groups]
    return _calibration(sums, every, exact)


@dataclass(frozen=True)
class _Sums:
    """Counts and sums per (group, label, place); ``place`` is the score, or a bin's upper edge."""

    levels: pd.DataFrame
    code: np.ndarray
    label: np.ndarray
    place: np.ndarray
    count: np.ndarray
    weight: np.ndarray
    score_sum: np.ndarray
    weight_sq: np.ndarray

    def scores_of(self, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a group's places, increasing, and the rows at each."""
        mine = self.code == group
        order = np.argsort(self.place[mine])
        return self.place[mine][order], self.count[mine][order]


def _check_probabilities(engine: Engine, frame: Any, score: str) -> None:
    _, low, high = score_range(engine, frame, score)
    if low < 0 or high > 1:
        raise ConfigError(
            f"the score column {score!r} has values outside [0, 1], so they are not probabilities."
        )


def _binned_sums(engine: Engine, frame: Any, columns: ScoreColumns, edges: np.ndarray) -> _Sums:
    kept = list(dict.fromkeys([*columns.keys, *columns.weights]))
    binned = with_bins(engine, frame, columns.score, edges, kept=kept, keep_score=True)
    weight, score = columns.sample_weight, columns.score
    sums: list[Any] = [weight, (weight, score), (weight, weight)] if weight else [score]
    counted = counts_of(engine, binned, [*columns.keys, BIN], sums)
    keys = len(columns.keys)
    numbers = [as_floats(counted.column(i)) for i in range(keys, counted.num_columns)]
    bins, count, *rest = numbers
    place = edges[bins.astype(np.int64) + 1]
    totals = rest if weight else [count, rest[0], count]
    return _sums(counted.select(range(keys)), columns, place, count, totals)


def _exact_sums(engine: Engine, frame: Any, columns: ScoreColumns, max_cells: int) -> _Sums:
    weight = columns.sample_weight
    sums: list[Any] = [weight, (weight, weight)] if weight else []
    keys = len(columns.keys)
    counted = counts_of(engine, frame, [*columns.keys, columns.score], sums, max_cells)
    numbers = [as_floats(counted.column(i)) for i in range(keys, counted.num_columns)]
    place, count, *rest = numbers
    weights, squares = rest if weight else (count, count)
    totals = [weights, weights * place, squares]
    return _sums(counted.select(range(keys)), columns, place, count, totals)


def _sums(
    keys: pa.Table,
    columns: ScoreColumns,
    place: np.ndarray,
    count: np.ndarray,
    totals: list[np.ndarray],
) -> _Sums:
    rows = count.astype(np.int64)
    if columns.sample_weight:
        raise_missing_weight(totals[0], columns.sample_weight)
    labels = binary_labels(keys[columns.label], rows, columns.label, columns.pos_label)
    levels, code = group_levels(keys, columns.groups, rows)
    return _Sums(levels, code, labels, place, rows, *totals)


def _quantiles(
    values: np.ndarray, count: np.ndarray, quantiles: np.ndarray, between: bool
) -> np.ndarray:
    """Return ``np.quantile`` of counted values; unless ``between``, the lower neighbour."""
    ends = np.cumsum(count)
    virtual = quantiles * (ends[-1] - 1)
    low = np.floor(virtual)
    share = virtual - low
    a = values[np.searchsorted(ends, low, side="right")]
    b = values[np.searchsorted(ends, np.minimum(low + 1, ends[-1] - 1), side="right")]
    if not between:
        return a
    # numpy uses the form with the smaller rounding error on either side of the middle
    return np.where(share < 0.5, a + (b - a) * share, b - (b - a) * (1 - share))  # noqa: PLR2004


def _calibration(sums: _Sums, edges: Sequence[np.ndarray], exact: bool) -> Calibration:
    curves, errors = [], []
    for group, mine in enumerate(edges):
        curve = _curve(sums, sums.code == group, mine)
        gap = (curve["mean_score"] - curve["observed_rate"]).abs()
        share = curve.pop("weight") / sums.weight[sums.code == group].sum()
        rows = int(curve["count"].sum())
        errors.append({"count": rows, "ece": float((gap * share).sum()), "mce": float(gap.max())})
        levels = sums.levels.iloc[[group] * len(curve)].reset_index(drop=True)
        curves.append(pd.concat([levels, curve], axis=1))
    by_group = pd.concat([sums.levels, pd.DataFrame(errors)], axis=1)
    return Calibration(pd.concat(curves, ignore_index=True), by_group, exact)


def _curve(sums: _Sums, mine: np.ndarray, edges: np.ndarray) -> pd.DataFrame:
    bins = len(edges) - 1
    at = bin_of(sums.place[mine], edges)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(at, weights=values[mine], minlength=bins)

    count, weight = total(sums.count), total(sums.weight)
    some = np.flatnonzero(weight > 0)
    rate = total(sums.weight * sums.label)[some] / weight[some]
    rows = weight[some] ** 2 / total(sums.weight_sq)[some]
    low, high = wilson(rate * rows, rows)
    return pd.DataFrame(
        {
            "bin": some,
            "lower": edges[some],
            "upper": edges[some + 1],
            "count": count[some].astype(np.int64),
            "mean_score": total(sums.score_sum)[some] / weight[some],
            "observed_rate": rate,
            "ci_low": low,
            "ci_high": high,
            "weight": weight[some],
        }
    )
