"""``balance``, the public function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.fairness.data_balance.cells import BalanceCells, Columns
from rai_scale.fairness.data_balance.compute import Settings, group_table, measure_cells, notes
from rai_scale.fairness.data_balance.counting import count_cells
from rai_scale.fairness.data_balance.result import BalanceResult
from rai_scale.names import names_of
from rai_scale.statistics.json_values import plain


def balance(
    frame: Any,
    *,
    sensitive_features: str | Sequence[str],
    y_true: str | None = None,
    y_pred: str | None = None,
    score: str | None = None,
    pos_label: Any = 1,
    control_features: str | Sequence[str] = (),
    reference: Mapping[str, Mapping[Any, float]] | str = "uniform",
    sample_weight: str | None = None,
    epsilon: float = 1.0,
    alpha: float = 2.0,
) -> BalanceResult:
    """Measure how evenly groups are represented, labelled and predicted; executes.

    The rows are counted once on the frame's own engine; all measures are computed from the counts.
    The measures depend on the given columns: groups alone, labels, predictions, both, scores.
    ``docs/balance.md`` has every measure with its formula, range, ideal value and source.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation or pyarrow Table
    sensitive_features : list of str
        Columns of at most 200 values each, none missing.
    y_true, y_pred : str, optional
        Columns of observed and predicted labels, none missing; more than two values are allowed
        and are positive or not. (SynapseML treats numbers above 0 as positive.)
    score : str, optional
        A column of probabilities of the positive label, 0 to 1. Its sums give LiFT's expected
        predictions. This column and the weights are checked before the count (a second pass).
    pos_label : object
        The favourable label, in the type of the columns.
    control_features : list of str
        Strata of the conditional demographic disparities.
    reference : "uniform" or {feature: {value: share}}
        What the shares of the groups are compared with: shares or counts, which are divided by
        their sum. Other features are compared with equal shares.
    sample_weight : str, optional
        A column of weights, 0 or above; measures then use sums of weights, and ``rows`` counts.
    epsilon, alpha : float
        Parameters of the Atkinson index (0 or above) and the generalized entropy index.

    Returns
    -------
    BalanceResult
        ``measures`` (one row each), ``groups``, ``counts``, ``notes``, ``to_html()``.

    Raises
    ------
    MissingColumnError
        If a column is not there.
    ConfigError
        If values are missing or of the wrong type, with the number of rows and what to do.
    """
    columns = Columns(
        tuple(names_of(sensitive_features)),
        y_true,
        y_pred,
        score,
        pos_label,
        tuple(names_of(control_features)),
        sample_weight,
    )
    settings = Settings(_reference(reference, columns.sensitive), epsilon, alpha)
    if epsilon < 0:
        raise ConfigError(f"epsilon must be 0 or above; found {epsilon!r}.")
    return balance_of_cells(count_cells(engine_of(frame), frame, columns), settings)


def balance_of_cells(cells: BalanceCells, settings: Settings) -> BalanceResult:
    """Return the result of counts that were computed, or made private, elsewhere."""
    measures, groups = measure_cells(cells, settings), group_table(cells)
    columns = cells.columns
    counts: pd.DataFrame = cells.keys.assign(rows=cells.rows.astype("int64"), weight=cells.weight)
    if cells.score is not None:
        counts = counts.assign(score=cells.score)
    return BalanceResult(
        measures,
        groups,
        counts,
        tuple(notes(measures, groups, cells)),
        {
            "sensitive_features": list(columns.sensitive),
            "y_true": columns.label,
            "y_pred": columns.prediction,
            "score": columns.score,
            "pos_label": plain(columns.positive),
            "control_features": list(columns.control),
            "reference": {
                name: [[plain(value), float(share)] for value, share in shares.items()]
                for name, shares in settings.reference.items()
            }
            or "uniform",
            "sample_weight": columns.sample_weight,
            "epsilon": float(settings.epsilon),
            "alpha": float(settings.alpha),
        },
    )


def _reference(reference: Any, features: Sequence[str]) -> dict[str, Mapping[Any, float]]:
    if isinstance(reference, str) and reference == "uniform":
        return {}
    if not isinstance(reference, Mapping) or not all(
        isinstance(shares, Mapping) for shares in reference.values()
    ):
        raise ConfigError(
            "reference must be 'uniform' or {feature: {value: share}}, for example "
            "{'gender': {'f': 0.51, 'm': 0.49}}."
        )
    check_columns(reference, features)
    for name, shares in reference.items():
        if not sum(shares.values()) > 0 or not all(share >= 0 for share in shares.values()):
            raise ConfigError(
                f"the shares of {name!r} in reference must be 0 or above, with a sum above 0."
            )
    return dict(reference)
