"""Predictions of a linear, tree or APLR model over a frame of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError, check_columns
from rai_scale.glassbox.simple import GlassboxResult, glassbox_frame

if TYPE_CHECKING:
    from rai_scale.engines.shared_file import SharedFile

_PAIR = 2


def score_glassbox(frame: Any, result: GlassboxResult, *, key_columns: Sequence[str]) -> Any:
    """Return key columns and ``prediction``: the value, or the probability of the second class.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
        The rows to predict.
    result : GlassboxResult
        The trained model.
    key_columns : list of str
        Columns of ``frame`` to keep.

    Returns
    -------
    DataFrame of the caller's kind, lazy where the engine is
        With more than two classes, ``prediction_<class>`` for each.

    Raises
    ------
    ConfigError
        If a key column has the name of a prediction column.
    MissingColumnError
        If the frame lacks features or keys.
    """
    engine = engine_of(frame)
    schema = engine.schema(frame)
    check_columns([*result.features, *key_columns], schema.names)
    classes = getattr(result.model, "classes_", ())
    names: tuple[str, ...] = ("prediction",)
    if len(classes) > _PAIR:
        names = tuple(f"prediction_{name}" for name in classes)
    if set(names) & set(key_columns):
        raise ConfigError("a key column has the name of a prediction; rename it.")
    file = publish_object(engine, result.model, "glassbox.pkl")
    score = ScoreGlassbox(file, glassbox_kinds(result), names, tuple(key_columns))
    outputs = [*(schema.field(n) for n in key_columns), *((n, pa.float64()) for n in names)]
    inputs = list(dict.fromkeys([*key_columns, *result.features]))
    return engine.map_partitions(
        frame, score, pa.schema(outputs), inputs=inputs, label="score glassbox"
    )


def glassbox_kinds(result: GlassboxResult) -> dict[str, str]:
    """Return the kind of each feature: ``continuous`` or ``nominal``."""
    columns = {name: part for name, _, part in result.model.named_steps["prepare"].transformers}
    numbers = set(columns["numbers"])
    return {name: "continuous" if name in numbers else "nominal" for name in result.features}


@dataclass(frozen=True)
class ScoreGlassbox:
    """Table function: key columns and predictions of a batch."""

    model: SharedFile
    kinds: dict[str, str]
    names: tuple[str, ...]
    keys: tuple[str, ...]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the key columns and the predictions."""
        model = self.model.load(load_object)
        found = np.empty((0, len(self.names)))
        if table.num_rows:
            rows = glassbox_frame(table, self.kinds)
            if hasattr(model, "predict_proba"):
                found = np.asarray(model.predict_proba(rows))
                found = found[:, 1:] if len(self.names) == 1 else found
            else:
                found = np.asarray(model.predict(rows), dtype=np.float64).reshape(-1, 1)
        columns = {name: np.ascontiguousarray(found[:, j]) for j, name in enumerate(self.names)}
        return pa.table({**{name: table[name] for name in self.keys}, **columns})
