"""Convert explained rows to an object of interpret, for ``interpret.show``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.names import names_of
from rai_scale.statistics.json_values import plain
from rai_scale.upstream.interpret import explanation_class

MOST_ROWS = 1000
TITLES = {"shap": "SHAP", "lime": "LIME", "ebm": "EBM"}


def to_interpret_local(
    explained: Any,
    *,
    features: str | Sequence[str],
    explain_class: str | None = None,
    prefix: str = "shap",
    key_columns: str | Sequence[str] = (),
    y_true: str | None = None,
) -> Any:
    """Return interpret's ``FeatureValueExplanation`` of explained rows; executes.

    Parameters
    ----------
    explained : frame of up to 1,000 rows
        The wide form that :func:`rai_scale.explain` gives, of any engine.
    features : list of str
        The explained features. If the frame also has their own columns, the values are shown next
        to the names.
    explain_class : str, optional
        The class; required if several classes were explained.
    prefix : {"shap", "lime", "ebm"}
        Start of the names of the value columns.
    key_columns : list of str
        Columns to show in the dashboard's table of rows.
    y_true : str, optional
        Column of the true values: numbers, or 0 and 1.

    Returns
    -------
    FeatureValueExplanation
        As returned by interpret's ``ShapKernel`` and ``LimeTabular``; it contains the values of the
        rows.

    Raises
    ------
    MissingColumnError
        If a column is missing.
    ConfigError
        If there are too many rows or none, or several classes were explained and none is given.
    MissingExtraError
        If interpret or plotly is not installed.
    """
    features, key_columns = names_of(features), names_of(key_columns)
    made = explanation_class("FeatureValueExplanation")
    engine = engine_of(explained)
    names = list(engine.columns(explained))
    end = "" if explain_class is None else f"_{explain_class}"
    begin = f"{prefix}{end}_"
    _check_label(explain_class, names)
    needed = [f"prediction{end}", f"base_value{end}", *(begin + name for name in features)]
    given = [*key_columns, *(() if y_true is None else (y_true,))]
    check_columns([*needed, *given], names)
    rows = engine.collect(explained).to_pandas()
    if not 0 < len(rows) <= MOST_ROWS:
        raise ConfigError(
            f"interpret's object contains the rows: give 1 to {MOST_ROWS:,}; found {len(rows):,}."
        )
    shown = [name for name in features if name in names]
    specific = [
        _row(row, list(features), shown, (end, begin), y_true) for row in rows.to_dict("records")
    ]
    kinds = ["continuous" if _is_number(rows, name) else "nominal" for name in features]
    table = rows[list(key_columns)].copy()
    table["Predicted"] = rows[f"prediction{end}"].round(3)
    if y_true is not None:
        table["Actual"] = rows[y_true]
    return made(
        "local",
        {"overall": None, "specific": specific, "mli": []},
        feature_names=list(features),
        feature_types=kinds,
        name=TITLES.get(prefix, prefix) + ("" if explain_class is None else f" ({explain_class})"),
        selector=table,
    )


def _check_label(label: str | None, names: list[str]) -> None:
    several = [n.removeprefix("prediction_") for n in names if n.startswith("prediction_")]
    if label is None and "prediction" not in names and several:
        raise ConfigError(f"choose one of the classes: explain_class={several[0]!r}, ...")
    if label is not None and str(label) not in several:
        raise ConfigError(
            f"no class {label!r} was explained.{did_you_mean(str(label), several)} "
            f"Found: {', '.join(several) or 'a single output, which has no class'}."
        )


def _row(
    row: dict[Any, Any],
    names: list[str],
    shown: list[str],
    ends: tuple[str, str],
    actual: str | None,
) -> dict[str, Any]:
    """Return one row in the form of interpret's plots, which extend its lists in place."""
    end, begin = ends
    predicted = float(row[f"prediction{end}"])
    truth = np.nan if actual is None else float(row[actual])
    base: dict[str, Any] = {"names": ["Base Value"], "scores": [float(row[f"base_value{end}"])]}
    found = {
        "type": "univariate",
        "names": list(names),
        "scores": [float(row[begin + name]) for name in names],
        "extra": base,
        "perf": {
            "is_classification": False,
            "actual": truth,
            "predicted": predicted,
            "actual_score": truth,
            "predicted_score": predicted,
        },
    }
    if shown:
        found["values"] = [plain(row[name]) if name in shown else "" for name in names]
        base["values"] = [1]
    return found


def _is_number(rows: pd.DataFrame, name: str) -> bool:
    return name in rows and pd.api.types.is_numeric_dtype(rows[name].dtype)
