"""Predictions and exact local explanations of an EBM over a frame of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError, check_columns
from rai_scale.glassbox.bins import category_texts
from rai_scale.names import names_of
from rai_scale.statistics.score_bins import as_floats, check_numeric

if TYPE_CHECKING:
    from rai_scale.engines.shared_file import SharedFile


def score_ebm(
    frame: Any,
    ebm: Any,
    *,
    contributions: bool = True,
    key_columns: Sequence[str] | None = None,
    prefix: str = "ebm_",
) -> Any:
    """Add an EBM's predictions and the exact contribution of each term; lazy.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
        The rows to score.
    ebm : EBMResult, or interpret's EBM
        The model, which is published once and loaded once per worker.
    contributions : bool
        Whether the contributions of terms are added, as from interpret's ``eval_terms``.
    key_columns : list of str, optional
        Columns of ``frame`` to keep; by default all.
    prefix : str
        Start of the names of the contribution columns.

    Returns
    -------
    DataFrame of the caller's kind, lazy where the engine is
        With float64 columns ``prediction`` (the value, or the probability of the second class) and,
        on the scale of the link (log-odds; the value itself in a regression with ``rmse``),
        ``base_value`` (the intercept) and ``<prefix><term>`` for each term; they add up to the
        score. With more than two classes each name ends in ``_<class>``.

    Raises
    ------
    ConfigError
        If the model is not a fitted EBM, or an added column has the name of another column.
    MissingColumnError
        If the frame lacks features.
    """
    model = getattr(ebm, "model", ebm)
    if not (hasattr(model, "term_features_") and hasattr(model, "eval_terms")):
        raise ConfigError(f"a {type(model).__name__} is not a fitted EBM of interpret.")
    features = list(model.feature_names_in_)
    key_columns = None if key_columns is None else names_of(key_columns)
    engine = engine_of(frame)
    schema = engine.schema(frame)
    check_columns([*features, *(key_columns or [])], schema.names)
    for name, kind in zip(features, model.feature_types_in_, strict=True):
        if kind == "continuous":
            check_numeric(schema, name, "feature")
    names = output_names(model, contributions, prefix)
    twice = set(names) & set(schema.names if key_columns is None else key_columns)
    if twice:
        raise ConfigError(
            f"the frame already has columns {', '.join(sorted(twice))}; drop or rename them, give "
            "another prefix, or give key_columns."
        )
    score = ScoreRows(publish_object(engine, model, "ebm.pkl"), tuple(names), contributions)
    outputs = pa.schema([(name, pa.float64()) for name in names])
    if key_columns is None:
        return engine.with_columns(frame, score, outputs, inputs=features, label="score ebm")
    kept = [schema.field(name) for name in key_columns]
    rows = KeyedRows(score, tuple(key_columns))
    inputs = list(dict.fromkeys([*key_columns, *features]))
    return engine.map_partitions(
        frame, rows, pa.schema([*kept, *outputs]), inputs=inputs, label="score ebm"
    )


def output_names(model: Any, contributions: bool, prefix: str) -> list[str]:
    """Return the names of the columns that scoring adds, in order."""
    classes = getattr(model, "classes_", ())
    ends = [f"_{name}" for name in classes] if len(classes) > 2 else [""]  # noqa: PLR2004
    names = [f"prediction{end}" for end in ends]
    if contributions:
        names += [f"base_value{end}" for end in ends]
        names += [f"{prefix}{term}{end}" for term in model.term_names_ for end in ends]
    return names


def model_rows(table: pa.Table, model: Any) -> pd.DataFrame:
    """Return a batch as the frame that the model reads; unknown categories are kept."""
    kinds = zip(model.feature_names_in_, model.feature_types_in_, strict=True)
    made = {
        name: as_floats(table[name]) if kind == "continuous" else category_texts(table[name])
        for name, kind in kinds
    }
    return pd.DataFrame(made)


def score_rows(model: Any, frame: pd.DataFrame, contributions: bool) -> np.ndarray:
    """Return predictions, intercepts and terms as :func:`output_names` names them."""
    if len(frame) == 0:
        return np.empty((0, len(output_names(model, contributions, ""))))
    if hasattr(model, "classes_"):
        prediction: np.ndarray = model.predict_proba(frame)
        prediction = prediction[:, 1:] if prediction.shape[1] == 2 else prediction  # noqa: PLR2004
    else:
        prediction = model.predict(frame).reshape(-1, 1)
    if not contributions:
        return prediction
    width = prediction.shape[1]
    base = np.broadcast_to(np.ravel(model.intercept_), (len(frame), width))
    terms = model.eval_terms(frame).reshape(len(frame), -1)
    return np.column_stack([prediction, base, terms])


@dataclass(frozen=True)
class ScoreRows:
    """Table function: predictions and contributions of a batch."""

    model: SharedFile
    names: tuple[str, ...]
    contributions: bool

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the columns ``names``."""
        model = self.model.load(load_object)
        found = score_rows(model, model_rows(table, model), self.contributions)
        return pa.table(
            {name: np.ascontiguousarray(found[:, j]) for j, name in enumerate(self.names)}
        )


@dataclass(frozen=True)
class KeyedRows:
    """Table function: key columns and scores of a batch, and no other column."""

    score: ScoreRows
    keys: tuple[str, ...]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the key columns and the scores."""
        found = self.score(table)
        kept = {name: table[name] for name in self.keys}
        return pa.table({**kept, **{name: found[name] for name in found.column_names}})
