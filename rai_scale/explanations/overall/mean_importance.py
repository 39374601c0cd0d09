"""Mean |SHAP| per feature with intervals, overall or by group, and tests of differences.

One pass computes centred moments per group (Chan's rule); the explained frame is not collected.
Formulas: the standard error of a mean uses the effective number of rows (Kish 1965) if rows have
weights; groups are compared by Welch's test (1951), with p-values adjusted by Holm (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns, check_share
from rai_scale.explanations.local.explained_columns import (
    error_column,
    replicate_columns,
    value_columns,
)
from rai_scale.explanations.overall.importance_result import Importance
from rai_scale.names import names_of
from rai_scale.statistics.group_tests import (
    compare_groups,
    effective_rows,
    sampling_errors,
    variance_of_means,
)
from rai_scale.statistics.moments import Moments, group_moments, merge_all

_ALL = "_rai_all"


def importance(
    frame: Any,
    *,
    prefix: str = "shap_",
    features: str | Sequence[str] | None = None,
    sensitive_features: str | Sequence[str] | None = None,
    sample_weight: str | None = None,
    confidence: float = 0.95,
) -> Importance:
    """Average explanations over a frame; executes.

    Parameters
    ----------
    frame : DataFrame of any engine, as ``explain`` returns it in the wide form
        Remove rows without an explanation (NaN) first.
    prefix : str
        Start of the names of the value columns; ``shap_<class>_`` for one of several classes.
    features : list of str, optional
        The explained features. By default, they are taken from the columns' names, which is wrong
        if the name of a class starts with that of another (``high``, ``high_risk``), or the name of
        a feature with ``error_``.
    sensitive_features : str or list of str, optional
        Columns whose values define the groups to compare.
    sample_weight : str, optional
        Column of row weights.
    confidence : float
        Confidence of the intervals, between 0 and 1.

    Returns
    -------
    Importance
        Means of absolute and of signed values, overall and per group, and tests of whether the
        groups' means differ.

    Raises
    ------
    ConfigError
        If there are no explanations or no rows, or values are missing.
    MissingColumnError
        If ``sensitive_features``, the weights or the values of a feature are not columns.
    """
    check_share("confidence", confidence)
    engine = engine_of(frame)
    names = engine.columns(frame)
    keys = names_of(sensitive_features)
    check_columns([*keys, *([sample_weight] if sample_weight else [])], names)
    values = value_columns(names, prefix, features)
    terms = make_terms(names, values, prefix)
    if isinstance(frame, pd.DataFrame):
        frame = engine.collect(frame)  # pandas would turn NaN into nulls between the passes
    if not keys:
        one = pa.schema([(_ALL, pa.int64())])
        frame = engine.with_columns(frame, same_group, one, inputs=values[:1], label="importance")
    found, states = group_moments(
        engine, frame, keys or [_ALL], terms, inputs=terms.columns, weight=sample_weight
    )
    if not states:
        raise ConfigError("the frame has no rows.")
    shown = [name.removeprefix(prefix) for name in values]
    if not all(np.isfinite(state.mean).all() for state in states):
        raise ConfigError("some rows have no explanation (NaN); remove them first.")
    groups = found if keys else found.iloc[:, :0]
    overall = means(merge_all(states), shown, confidence)
    parts = [means(state, shown, confidence) for state in states] if keys else []
    return Importance(
        tuple(shown), tuple(keys), confidence, overall,
        _labelled(groups, parts), compare_groups(states, shown) if keys else None,
    )  # fmt: skip


def same_group(table: pa.Table) -> pa.Table:
    """Return one group for all rows."""
    return pa.table({_ALL: np.zeros(table.num_rows, dtype=np.int64)})


same_group.cheap = True  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Terms:
    """The numbers whose moments are computed: absolute values, values and their errors.

    Errors are the error of each sampled value, or its replicates: first with the value's sign, for
    the mean absolute value, then unchanged.
    """

    values: tuple[str, ...]
    errors: tuple[str, ...]
    replicates: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """Columns that are read."""
        return [*self.values, *self.errors, *self.replicates]

    def __call__(self, table: pa.Table) -> np.ndarray:
        """Return (rows, terms)."""
        found = _columns(table, self.values)
        parts = [np.abs(found), found]
        if self.errors:
            parts.append(_columns(table, self.errors))
        if self.replicates:
            copies = _columns(table, self.replicates)
            signs = np.tile(np.sign(found), copies.shape[1] // found.shape[1])
            parts += [signs * copies, copies]
        return np.hstack(parts)


def make_terms(names: Sequence[str], values: Sequence[str], prefix: str) -> Terms:
    """Return the terms of an explained frame; replicates are preferred to errors."""
    others = [name for name in names if name not in values]
    errors = [e for v in values if (e := error_column(v, prefix)) in others]
    copies = [replicate_columns(others, value, prefix) for value in values]
    if len(errors) not in (0, len(values)) or len({len(one) for one in copies}) > 1:
        raise ConfigError(
            "some columns of explanations have errors or replicates, and others have none."
        )
    if copies[0]:
        together = zip(*copies, strict=True)
        return Terms(tuple(values), (), tuple(name for one in together for name in one))
    return Terms(tuple(values), tuple(errors), ())


def _columns(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    return np.column_stack([table[name].to_numpy().astype(np.float64) for name in names])


def means(state: Moments, features: Sequence[str], confidence: float) -> pd.DataFrame:
    """Return one row per feature: means, standard errors and intervals.

    The sampled values of different rows share coalitions, so their errors do not average out over
    rows; they are added as an error of the mean. Degrees of freedom: Welch and Satterthwaite.
    """
    from scipy.stats import t

    count = len(features)
    error = np.sqrt(variance_of_means(state))[: 2 * count].reshape(2, count)
    sampling, freedom = sampling_errors(state, count)
    whole = np.hypot(error, sampling)
    apart = error[0] ** 4 / max(effective_rows(state) - 1, 1) + sampling[0] ** 4 / freedom
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = np.where(apart > 0, whole[0] ** 4 / apart, np.inf)
    size, half = state.mean[:count], t.ppf(0.5 + confidence / 2, degrees) * whole[0]
    return pd.DataFrame(
        {
            "feature": list(features),
            "mean_abs": size,
            "std_error": error[0],
            "sampling_error": sampling[0],
            "lower": np.maximum(size - half, 0.0),
            "upper": size + half,
            "mean": state.mean[count : 2 * count],
            "mean_std_error": whole[1],
            "rows": state.count,
        }
    )


def _labelled(groups: pd.DataFrame, parts: list[pd.DataFrame]) -> pd.DataFrame | None:
    if not parts:
        return None
    tables = []
    for at, part in enumerate(parts):
        keys = {name: groups[name].iloc[at] for name in groups.columns}
        tables.append(pd.DataFrame([keys] * len(part)).join(part))
    return pd.concat(tables, ignore_index=True)
