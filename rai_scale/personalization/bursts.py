"""Sudden rates, repeated feature vectors, drift: a list for people to review, never a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.key_values import row_codes
from rai_scale.errors import ConfigError, check_columns, check_not_taken
from rai_scale.names import Names, names_of
from rai_scale.personalization.burst_drift import DRIFT, drift_tests
from rai_scale.personalization.exposure_sql import period_kind, period_name, period_sql
from rai_scale.results import Result, Tables
from rai_scale.statistics.cells import MAX_CELLS, counts_of
from rai_scale.statistics.multiple_tests import benjamini_hochberg

_WINDOW = "rai_scale_window"
_OWN = ("kind", "window", "rows", "expected", "p_value", "p_adjusted")
LEAST_EXPECTED = 0.5


@dataclass(frozen=True, repr=False)
class Bursts(Result):
    """Windows in which something came more often than its own history explains.

    Attributes
    ----------
    bursts : pandas.DataFrame
        The most unlikely first: ``kind`` (``rate``, or ``identical features``), the columns of the
        item, source or features, ``window``, ``rows``, ``expected``, ``p_value`` and
        ``p_adjusted`` (Benjamini and Hochberg). Only those at or below ``alpha``.
    drift : pandas.DataFrame
        Windows in which a source sends other values of a feature than before, the most unlikely
        first: ``source``, ``feature``, ``window``, ``rows``, the ``value`` that moved most with its
        ``share`` and its ``share_before``, ``p_value`` and ``p_adjusted``. Only those at or below
        ``alpha``.
    tested : int
        The number of windows that were tested.
    dispersion : float
        The variance of rates is mean + dispersion * mean^2.
    """

    bursts: pd.DataFrame
    drift: pd.DataFrame
    tested: int
    dispersion: float

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of tests, of bursts, and of windows with drift."""
        return {"tested": self.tested, "bursts": len(self.bursts), "drifts": len(self.drift)}

    def _numbers(self) -> Mapping[str, float]:
        found = {"bursts": float(len(self.bursts)), "drifts": float(len(self.drift))}
        return {**found, "dispersion": self.dispersion}

    def _tables(self) -> Tables:
        return {"bursts": lambda: self.bursts, "drift": lambda: self.drift}


def find_bursts(
    log: Any,
    *,
    item: str,
    time: str,
    source: str | None = None,
    features: Names = (),
    every: str = "day",
    history: int = 7,
    alpha: float = 0.05,
) -> Bursts:
    """Find what comes more often than before, and sources whose features drift; executes.

    Rows per item (and source) and window are counted by the engine. A window is compared with the
    windows before it, at least ``history`` of them: the expected rate is their mean, and the
    number of rows has a negative binomial distribution, whose dispersion is that of all series
    together. False discoveries are limited by Benjamini and Hochberg (1995). With ``features``,
    identical feature vectors are counted and tested in the same way. With ``features`` and a
    ``source``, the values of each feature in a window of a source are compared with those of the
    same source before, by Pearson's test of homogeneity. Its statistic is divided by the spread
    that windows have anyway (the median of all statistics over its expectation, at least 1), so
    that people with several events do not raise it. The result is a list for people to review: a
    burst may be a holiday.

    Parameters
    ----------
    log : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect); one row per event.
    item : str
        The column of the item.
    time : str
        A time, a date, or an integer that numbers the windows.
    source : str, optional
        The column of the source, such as a device or an address range.
    features : str or sequence of str
        Discrete features whose identical vectors are counted, and whose drift is tested.
    every : {"day", "week", "month"}
        The length of a window (in UTC).
    history : int
        The least number of earlier windows.
    alpha : float
        The expected share of false discoveries among the bursts.

    Returns
    -------
    Bursts

    Raises
    ------
    ConfigError
        If an option or the type of ``time`` is not valid, or a column has the name of a column of
        the result, such as ``kind``.
    MissingColumnError
        If a column does not exist.
    TooManyGroupsError
        For more than 2,000,000 combinations of keys and windows.
    """
    if every not in ("day", "week", "month") or history < 2:  # noqa: PLR2004
        raise ConfigError("every must be day, week or month, and history at least 2.")
    names = list(dict.fromkeys(names_of(features)))
    keys = list(dict.fromkeys([item, *([source] if source else [])]))
    engine = engine_of(log)
    check_columns([time, *keys, *names], engine.columns(log))
    check_not_taken([*keys, *names], _OWN, "the table of bursts")
    found = engine.schema(log).field(time).type
    kind = period_kind(found, "time")
    dialect = Dialect(engine.dialect)
    sql = period_sql(dialect, kind, every, dialect.column(time))
    outputs = pa.schema([(_WINDOW, pa.int64())])
    data = engine.with_expressions(log, {_WINDOW: sql}, outputs)
    parts, dispersion = [], 0.0
    for what, columns in (("rate", keys), ("identical features", names)):
        if columns:
            table = counts_of(engine, data, [*columns, _WINDOW], limit=MAX_CELLS)
            one, spread = _tested(table, columns, history)
            dispersion = spread if what == "rate" else dispersion
            parts.append(one.assign(kind=what))
    tests = pd.concat(parts, ignore_index=True)
    drifts = []
    for name in names if source else ():
        by = [str(source), name, _WINDOW]
        if name != source:
            drifts.append(drift_tests(counts_of(engine, data, by, limit=MAX_CELLS), name, history))
    some = [one for one in drifts if len(one)]
    drift = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=DRIFT)

    def shown(rows: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
        rows["p_adjusted"] = benjamini_hochberg(rows["p_value"].to_numpy(float))
        kept = rows[rows["p_adjusted"] <= alpha].sort_values(["p_adjusted", "p_value"])
        kept = kept.assign(window=[period_name(int(w), kind, every) for w in kept["window"]])
        return kept[[*order]].reset_index(drop=True)

    order = [_OWN[0], *dict.fromkeys([*keys, *names]), *_OWN[1:]]
    return Bursts(shown(tests, order), shown(drift, DRIFT), len(tests) + len(drift), dispersion)


def _tested(table: pa.Table, columns: Sequence[str], history: int) -> tuple[pd.DataFrame, float]:
    """Test each window of each series against the windows before it."""
    from scipy.special import betainc

    width = len(columns)
    windows = table.column(width)
    if windows.null_count:
        raise ConfigError("time: a time is missing. Leave those rows out and report it.")
    series = row_codes(table, columns)
    at = windows.to_numpy()
    first = int(at.min()) if len(at) else 0
    length = int(at.max()) - first + 1 if len(at) else 0
    matrix = np.zeros((int(series.max(initial=-1)) + 1, length))
    matrix[series, at - first] = table.column(width + 1).to_numpy()
    before = np.arange(length)
    total = np.cumsum(matrix, axis=1) - matrix
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / before
    dispersion = _dispersion(matrix)
    spread = (mean + dispersion * mean**2) * (1 + 1 / np.maximum(before, 1))
    rows, place = np.nonzero((before >= history) & (mean >= LEAST_EXPECTED) & (matrix > mean))
    m, v, x = mean[rows, place], spread[rows, place], matrix[rows, place]
    size = m**2 / np.maximum(v - m, 1e-12)
    # the upper tail of the negative binomial distribution
    p = betainc(x, size, m / (m + size))
    keys = {name: table.column(n).to_pylist() for n, name in enumerate(columns)}
    where = {int(code): row for row, code in enumerate(series)}
    chosen = [where[int(row)] for row in rows]
    found = {name: [values[row] for row in chosen] for name, values in keys.items()}
    tested = pd.DataFrame({**found, "window": place + first, "rows": x.astype("int64"),
                           "expected": m, "p_value": p})  # fmt: skip
    return tested, dispersion


def _dispersion(matrix: np.ndarray) -> float:
    """Return the dispersion of all series together, robust against the bursts themselves.

    By moments per series, and the median over the series with enough rows.
    """
    if not matrix.size:
        return 0.0
    mean, variance = matrix.mean(axis=1), matrix.var(axis=1, ddof=1 if matrix.shape[1] > 1 else 0)
    enough = mean >= 1
    if not enough.any():
        return 0.0
    return float(max(0.0, np.median((variance[enough] - mean[enough]) / mean[enough] ** 2)))
