"""Are forbidden features used, and which allowed ones stand for a sensitive attribute?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.engines.arrow_types import is_number
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.personalization.feature_association import (
    correlation_ratio,
    cramers_v,
    mutual_information,
    p_value,
)
from rai_scale.personalization.feature_prediction import cross_fitted
from rai_scale.personalization.feature_result import FeatureAudit
from rai_scale.statistics.cells import MAX_CELLS, counts_of
from rai_scale.statistics.multiple_tests import holm
from rai_scale.statistics.quantiles import column_ranges
from rai_scale.statistics.row_sample import draw_rows

MOST_VALUES = 50
_BINNED = "rai_scale_bin_{}"


def audit_features(
    frame: Any,
    *,
    features: Names,
    sensitive_features: Names,
    forbidden: Names = (),
    model_features: Names = (),
    learner: Callable[[], Any] | None = None,
    person: str | None = None,
    bins: int = 20,
    folds: int = 5,
    max_rows: int = 50_000,
    min_rows: int = 20,
    random_state: int = 0,
    confidence: float = 0.95,
) -> FeatureAudit:
    """Find forbidden features in use, and how well allowed ones predict a sensitive attribute.

    Associations are counted by the engine on all rows: bias-corrected Cramer's V (Bergsma 2013),
    mutual information, and for numbers the correlation ratio. Numbers with a range of 50 or more
    are put into ``bins`` bins of equal width for the first two. With a ``learner``, a sample of
    rows is predicted by models that were fitted on other rows (of other people); the area under
    the ROC curve has an interval (DeLong et al. 1988; by person, Obuchowski 1997); ``auc_drop`` is
    its fall when a feature is permuted.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    features : str or sequence of str
        The features that the recommender may read.
    sensitive_features : str or sequence of str
        Columns of the attributes, each with at most 50 values.
    forbidden : str or sequence of str
        Names of features that may not be used; sensitive features are among them.
    model_features : str or sequence of str
        Names of the features that the model reads, if it is known.
    learner : callable, optional
        Returns a new classifier with ``fit`` and ``predict_proba``, such as an EBM.
    person : str, optional
        The column of the person; folds are then made of people, and intervals hold for them.
    bins, folds : int
    max_rows : int
        Rows that are drawn for the learner, by the hash of their content.
    min_rows : int
        Values of a sensitive attribute with fewer rows are left out.
    random_state : int
    confidence : float
        In (0, 1).

    Returns
    -------
    FeatureAudit

    Raises
    ------
    ConfigError
        If a sensitive feature has too many values, or no two values of ``min_rows`` rows.
    MissingColumnError
        If a column does not exist.
    """
    named, sensitive = names_of(features), names_of(sensitive_features)
    if not sensitive or not named:
        raise ConfigError("audit_features needs at least one feature and one sensitive feature.")
    engine = engine_of(frame)
    who = [person] if person else []
    check_columns([*named, *sensitive, *who], engine.columns(frame))
    banned = _forbidden(named, names_of(model_features), [*names_of(forbidden), *sensitive])
    allowed = [name for name in named if name not in set(banned["feature"])]
    levels, notes = _levels(engine, frame, sensitive, min_rows)
    pairs, more = _associations(engine, frame, allowed, levels, bins)
    predictions, carriers = pd.DataFrame(), pd.DataFrame()
    if learner is not None and allowed:
        columns = list(dict.fromkeys([*allowed, *sensitive, *who]))
        rows = draw_rows(engine, frame, columns, max_rows, random_state).to_pandas()
        predictions, carriers = _predictions(
            rows,
            allowed,
            levels,
            people=pd.factorize(rows[person])[0] if person else None,
            folds=folds,
            learner=learner,
            confidence=confidence,
            random_state=random_state,
        )
    empty = pd.DataFrame(columns=["sensitive", "value", "rows", "auc", "low", "high"])
    return FeatureAudit(
        banned,
        pairs,
        predictions if len(predictions) else empty,
        carriers if len(carriers) else pd.DataFrame(columns=["sensitive", "feature", "auc_drop"]),
        (*notes, *more),
    )


def _forbidden(
    features: Sequence[str], model: Sequence[str], banned: Sequence[str]
) -> pd.DataFrame:
    plain = {name.casefold() for name in banned}
    used = [name for name in dict.fromkeys([*features, *model]) if name.casefold() in plain]
    return pd.DataFrame(
        {
            "feature": used,
            "in_data": [name in features for name in used],
            "in_model": [name in model for name in used],
        }
    )


def _levels(
    engine: Engine, frame: Any, sensitive: Sequence[str], min_rows: int
) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """Return the values of each attribute that have enough rows."""
    found, notes = {}, []
    for name in sensitive:
        try:
            table = counts_of(engine, frame, [name], limit=MOST_VALUES)
        except TooManyGroupsError:
            raise ConfigError(
                f"sensitive_features: column {name!r} has more than {MOST_VALUES} values. Group "
                "them first."
            ) from None
        rows = dict(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))
        kept = [v for v, n in rows.items() if n >= min_rows and v is not None]
        hidden = len(rows) - len(kept)
        if len(kept) < 2:  # noqa: PLR2004
            raise ConfigError(
                f"sensitive_features: column {name!r} has no two values with {min_rows} rows."
            )
        if hidden:
            notes.append(
                f"{hidden} values of {name!r} with fewer than {min_rows} rows, or missing, are "
                "left out."
            )
        found[name] = sorted(kept, key=str)
    return found, tuple(notes)


def _associations(
    engine: Engine, frame: Any, features: Sequence[str], levels: Mapping[str, list[Any]], bins: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    ranges, data = _ranges(engine, frame, features, bins)
    rows: list[dict[str, Any]] = []
    notes = []
    for at, feature in enumerate(features):
        key = _BINNED.format(at) if feature in ranges.index else feature
        for name, values in levels.items():
            try:
                table = counts_of(engine, data, [key, name], limit=MAX_CELLS)
            except TooManyGroupsError:
                notes.append(f"{feature!r} has too many values and was not compared.")
                break
            counts = _crossed(table, values)
            rows.append(
                {
                    "feature": feature,
                    "sensitive": name,
                    "cramers_v": cramers_v(counts),
                    "mutual_information": mutual_information(counts),
                    "correlation_ratio": math.nan,
                    "p_value": p_value(counts),
                    "rows": int(counts.sum()),
                }
            )
    _add_ratios(engine, data, rows, features, levels)
    found = pd.DataFrame(
        rows,
        columns=["feature", "sensitive", "cramers_v", "mutual_information", "correlation_ratio",
                 "p_value", "rows"],
    )  # fmt: skip
    found.insert(6, "p_adjusted", holm(found["p_value"].to_numpy(float)))
    order = ["cramers_v", "mutual_information"]
    return found.sort_values(order, ascending=False, ignore_index=True), tuple(notes)


def _ranges(
    engine: Engine, frame: Any, features: Sequence[str], bins: int
) -> tuple[pd.DataFrame, Any]:
    """Return the ranges of numbers with many values, and the frame with their bins."""
    schema = engine.schema(frame)
    numbers = [name for name in features if is_number(schema.field(name).type)]
    if not numbers:
        return pd.DataFrame(), frame
    ranges = column_ranges(engine, frame, numbers)
    wide = ranges[ranges["high"] - ranges["low"] >= MOST_VALUES]
    floats = [n for n in numbers if pa.types.is_floating(schema.field(n).type)]
    wide = pd.concat([wide, ranges.loc[[n for n in floats if n not in wide.index]]])
    wide = wide[wide["high"] > wide["low"]]
    dialect, expressions = Dialect(engine.dialect), {}
    for row in wide.reset_index(names="name").to_dict("records"):
        width = float((row["high"] - row["low"]) / bins)
        value = f"(CAST({dialect.column(row['name'])} AS DOUBLE) - {dialect.double(row['low'])})"
        place = f"floor({value} / {dialect.double(width)})"
        key = _BINNED.format(features.index(row["name"]))
        expressions[key] = f"CAST(least({place}, {bins - 1}) AS BIGINT)"
    if not expressions:
        return wide, frame
    outputs = pa.schema([(name, pa.int64()) for name in expressions])
    return wide, engine.with_expressions(frame, expressions, outputs)


def _crossed(table: pa.Table, values: Sequence[Any]) -> np.ndarray:
    """Return the counts of a feature (rows) and the values of an attribute (columns)."""
    found: dict[Any, np.ndarray] = {}
    at = {value: n for n, value in enumerate(values)}
    columns = (table.column(n).to_pylist() for n in range(3))
    for feature, value, count in zip(*columns, strict=True):
        if value in at:
            found.setdefault(feature, np.zeros(len(values)))[at[value]] += count
    return np.stack([*found.values()])


def _add_ratios(
    engine: Engine,
    data: Any,
    rows: list[dict[str, Any]],
    features: Sequence[str],
    levels: Mapping[str, list[Any]],
) -> None:
    schema = engine.schema(data)
    numbers = [name for name in features if is_number(schema.field(name).type)]
    if not numbers:
        return
    for name, values in levels.items():
        table = counts_of(engine, data, [name], [s for n in numbers for s in (n, (n, n))])
        kept = [value in values for value in table.column(0).to_pylist()]
        table = table.filter(pa.array(kept))
        count = table.column(1).to_numpy().astype(float)
        for n, feature in enumerate(numbers):
            total, squares = (table.column(2 + 2 * n + k).to_numpy() for k in range(2))
            for row in rows:
                if (row["feature"], row["sensitive"]) == (feature, name):
                    row["correlation_ratio"] = correlation_ratio(count, total, squares)


def _predictions(
    rows: pd.DataFrame,
    features: list[str],
    levels: Mapping[str, list[Any]],
    *,
    people: np.ndarray | None,
    folds: int,
    learner: Callable[[], Any],
    confidence: float,
    random_state: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    predictions, carriers = [], []
    groups = np.arange(len(rows)) if people is None else people
    for name, values in levels.items():
        kept = rows[name].isin(values).to_numpy()
        found, drops = cross_fitted(
            rows[kept].reset_index(drop=True),
            features,
            rows.loc[kept, name].astype(str).reset_index(drop=True),
            folds=groups[kept] % folds,
            people=None if people is None else people[kept],
            learner=learner,
            confidence=confidence,
            rng=np.random.default_rng(random_state),
        )
        predictions += [{"sensitive": name, **one} for one in found]
        carriers += [{"sensitive": name, **one} for one in drops]
    table = pd.DataFrame(carriers).sort_values("auc_drop", ascending=False, kind="stable")
    return pd.DataFrame(predictions), table.reset_index(drop=True)
