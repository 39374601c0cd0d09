"""``cohort_rows``: a sample of a cohort's right and wrong rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.error_analysis.cohorts.one_cohort import Cohort, cohort
from rai_scale.error_analysis.column_kinds import NUMBERS, check_used, kind_of
from rai_scale.errors import ConfigError
from rai_scale.names import Names, names_of
from rai_scale.statistics.row_sample import draw_rows


def cohort_rows(
    frame: Any,
    of: str | Mapping[str, Any] | Cohort,
    *,
    y_true: str,
    y_pred: str,
    columns: Names | None = None,
    rows: int = 10,
    score: str | None = None,
    confident: float = 0.9,
    random_state: int = 0,
) -> pd.DataFrame:
    """Return a uniform sample of a cohort's wrong and right rows; executes.

    The result **shows values of single rows**: treat it like the data. Nothing else in this package
    does so, and no report or job contains it unless it is asked for.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        With explanations (``shap_...``) if :func:`rai_scale.explain` made it; they are shown too.
    of : cohort, str or mapping
        See :func:`cohort`.
    y_true, y_pred : str
        Labels and predictions.
    columns : str or sequence of str, optional
        The columns to show; by default all.
    rows : int
        The most wrong rows, and the most right rows.
    score : str, optional
        The model's probability of the label 1. Rows that are wrong although the model is confident
        are suspected to have a wrong label.
    confident : float
        The least probability of the predicted label that is confident, in (0.5, 1).
    random_state : int
        Of the keyed sample, which is the same on every engine.

    Returns
    -------
    pandas.DataFrame
        The columns, ``wrong`` (bool), and with ``score`` also ``suspected_label`` (bool). Wrong
        rows come first; those that are suspected before others.

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If ``rows`` or ``confident`` is out of range, or the scores are not numbers.
    """
    if not isinstance(rows, int) or rows < 1 or not 0.5 < confident < 1:  # noqa: PLR2004
        raise ConfigError("rows must be an integer of at least 1, confident between 0.5 and 1.")
    engine = engine_of(frame)
    schema = engine.schema(frame)
    asked = list(schema.names) if columns is None else names_of(columns)
    names = list(dict.fromkeys([*asked, y_true, y_pred, *names_of(score)]))
    check_used(schema, names)
    if score is not None and kind_of(schema, score) not in NUMBERS:
        raise ConfigError(f"the scores in column {score!r} must be numbers.")
    chosen = cohort(of, y_true=y_true, y_pred=y_pred)
    parts = []
    for outcome in ("wrong", "right"):
        own = chosen & cohort(outcome, y_true=y_true, y_pred=y_pred)
        drawn = draw_rows(engine, own.filter(frame), names, rows, random_state)
        parts.append(drawn.to_pandas().assign(wrong=outcome == "wrong"))
    found = pd.concat(parts, ignore_index=True)
    if score is None:
        return found[[*asked, "wrong"]]
    values = found[score].astype(float)
    sure = np.maximum(values, 1 - values) >= confident
    found["suspected_label"] = found["wrong"] & sure
    order = found.sort_values(["wrong", "suspected_label"], ascending=False, kind="stable").index
    return found.loc[order, [*asked, "wrong", "suspected_label"]].reset_index(drop=True)
