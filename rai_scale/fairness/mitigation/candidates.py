"""Performance and disparity of many candidates, from counts, in one pass over the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fairlearn.metrics
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sklearn.metrics

from rai_scale.engines.choose import engine_of
from rai_scale.engines.key_values import key_values, number_values
from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.fairness.mitigation.reductions import (
    Categories,
    categories_of,
    feature_frame,
)
from rai_scale.names import names_of
from rai_scale.statistics.cells import refuse_missing

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile

Metric = str | Callable[..., float]
CANDIDATE, PREDICTED, COUNT = "_rai_candidate", "_rai_predicted", "_rai_count"


@dataclass(frozen=True)
class ScoreThreshold:
    """A candidate that predicts 1 if the score of class 1 is at least ``threshold``.

    Attributes
    ----------
    estimator : object
        With ``predict_proba``, whose second column is the score.
    threshold : float
    """

    estimator: Any
    threshold: float

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return 0 and 1 from ``predict_proba``."""
        return (self.estimator.predict_proba(X)[:, 1] >= self.threshold).astype(np.int64)


def evaluate_candidates(
    frame: Any,
    candidates: Mapping[str, Any],
    *,
    features: str | Sequence[str],
    y_true: str,
    sensitive_features: str | Sequence[str],
    performance: Metric = "accuracy_score",
    disparity: Metric = "equalized_odds_difference",
    categorical_features: Categories = (),
    engine: Engine | None = None,
) -> pd.DataFrame:
    """Compute performance and disparity of every candidate, from counts, in one pass.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation or pyarrow Table
        Rows that no candidate was trained on.
    candidates : mapping of str to object
        Objects with ``predict(X)``, or functions of ``X``, that return labels (integers);
        ``X`` is a pandas frame of the features. :class:`ScoreThreshold` makes labels of scores.
    features, y_true, sensitive_features : (sequence of) str
        Columns.
    performance : str or callable
        A metric of ``sklearn.metrics``, or ``f(y_true, y_pred, sample_weight=...)``.
    disparity : str or callable
        A metric of ``fairlearn.metrics``, or ``f(y_true, y_pred, sensitive_features=...,
        sample_weight=...)``.
    categorical_features : sequence of str, or mapping of str to sequence
        As in :func:`rai_scale.fairness.grid_search`; pass the categories that were used in
        training.
    engine : Engine, optional
        Found from the frame by default.

    Returns
    -------
    pandas.DataFrame
        ``candidate`` and a column for each of the two metrics, with the metric's name.

    Raises
    ------
    ConfigError, MissingColumnError, WorkerError
        If there are no candidates, a metric is unknown, a label or sensitive feature is missing in
        some rows, or a candidate failed.
    """
    engine = engine or engine_of(frame)
    features, sensitive_features = names_of(features), names_of(sensitive_features)
    metrics = {
        _name_of(performance): _metric(performance, sklearn.metrics, "performance"),
        _name_of(disparity): _metric(disparity, fairlearn.metrics, "disparity"),
    }
    if not candidates or len(metrics) < 2:  # noqa: PLR2004
        raise ConfigError("pass at least one candidate, and two different metrics.")
    schema = engine.schema(frame)
    keys = list(dict.fromkeys([*sensitive_features, y_true]))
    check_columns([*features, *keys, *categorical_features], schema.names)
    categories = _known_categories(frame, schema, features, categorical_features)
    counted = _count(engine, frame, candidates, (tuple(features), tuple(keys), categories))
    refuse_missing(counted.filter(pc.equal(counted[CANDIDATE], 0)), keys)
    people = set(sensitive_features)
    cells = pd.DataFrame(
        {
            name: (key_values if name in people else number_values)(counted[name])
            for name in counted.column_names
        }
    )
    rows = []
    for number, name in enumerate(candidates):
        own = cells[cells[CANDIDATE] == number]
        given = {"sample_weight": own["count"].to_numpy(dtype=np.float64)}
        groups = {"sensitive_features": own[list(sensitive_features)]}
        truth, predicted = own[y_true].to_numpy(), own[PREDICTED].to_numpy()
        first, second = metrics.values()
        values = (first(truth, predicted, **given), second(truth, predicted, **groups, **given))
        rows.append({"candidate": name, **dict(zip(metrics, map(float, values), strict=True))})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class CountCandidates:
    """A table function: rows in; counts per candidate, people, label and prediction out."""

    file: SharedFile
    features: tuple[str, ...]
    keys: tuple[str, ...]
    categories: Mapping[str, Sequence[Any]]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the counts of one batch."""
        X = feature_frame(table, self.features, self.categories)
        keys = table.select(list(self.keys))
        parts = []
        for number, predict in enumerate(self.file.load(load_object)):
            predicted = np.asarray(predict(X)).reshape(-1).astype(np.int64)
            own = keys.append_column(PREDICTED, pa.array(predicted))
            counts = own.group_by(own.column_names).aggregate([([], "count_all")])
            counts = counts.rename_columns([*own.column_names, COUNT])
            which = pa.array(np.full(counts.num_rows, number))
            parts.append(counts.add_column(0, CANDIDATE, which))
        return pa.concat_tables(parts)


def _count(
    engine: Engine, frame: Any, candidates: Mapping[str, Any], layout: tuple[Any, Any, Any]
) -> pa.Table:
    features, keys, categories = layout
    schema = engine.schema(frame)
    file = publish_object(engine, [getattr(c, "predict", c) for c in candidates.values()])
    outputs = pa.schema(
        [
            (CANDIDATE, pa.int64()),
            *(schema.field(key) for key in keys),
            (PREDICTED, pa.int64()),
            (COUNT, pa.int64()),
        ]
    )
    inputs = list(dict.fromkeys([*features, *keys]))
    function = CountCandidates(file, features, keys, categories)
    counts = engine.collect(
        engine.map_partitions(frame, function, outputs, inputs=inputs, label="evaluate_candidates")
    )
    names = [CANDIDATE, *keys, PREDICTED]
    merged = counts.group_by(names).aggregate([(COUNT, "sum")])
    return merged.rename_columns([*names, "count"]).sort_by([(n, "ascending") for n in names])


def _known_categories(
    frame: Any, schema: pa.Schema, features: Sequence[str], asked: Categories
) -> dict[str, list[Any]]:
    unknown = [n for n in asked if not isinstance(asked, Mapping)]
    if unknown:
        raise ConfigError(
            f"pass the categories that were used in training: "
            f"categorical_features={{{unknown[0]!r}: [...]}}"
        )
    empty = pa.table({n: pa.array([], schema.field(n).type) for n in features})
    return categories_of(frame, empty, features, asked)


def _name_of(metric: Metric) -> str:
    return metric if isinstance(metric, str) else getattr(metric, "__name__", "metric")


def _metric(metric: Metric, home: Any, role: str) -> Callable[..., float]:
    if callable(metric):
        return metric
    found = getattr(home, metric, None)
    if found is None:
        raise ConfigError(
            f"unknown {role} {metric!r}: {home.__name__} has no such metric."
            f"{did_you_mean(metric, dir(home))}"
        )
    return found
