"""The rows of attacks on a model: samples of members and others, and their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.models.background import sample_frame
from rai_scale.models.model import CheckedModel


def sampled_rows(
    side: str, frame: Any, columns: list[str], most: int, seed: int
) -> tuple[pd.DataFrame, str]:
    """Return up to ``most`` rows, in an order that does not depend on partitions, and a note."""
    engine = engine_of(frame)
    check_columns(columns, engine.columns(frame))
    rows = int(sum(engine.group_counts(frame, [])["count"].to_pylist()))
    if not rows:
        raise ConfigError(f"{side} has no rows.")
    note = (
        f"{most:,} of {rows:,} rows of {side} were sampled; shadow models are fitted on fewer rows "
        "than the model was, which makes an attack weaker."
    )
    return sample_frame(engine, frame, columns, most, seed), note if rows > most else ""


def joined_rows(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return all rows, with all categories."""
    frame = pd.concat(parts, ignore_index=True)
    for name in parts[0]:
        if all(isinstance(part[name].dtype, pd.CategoricalDtype) for part in parts):
            joined = pd.api.types.union_categoricals([part[name] for part in parts])
            frame[name] = joined
    return frame


def class_codes(
    model: CheckedModel, labels: pd.Series, y_true: str
) -> tuple[tuple[Any, ...], np.ndarray]:
    """Return the classes of the model, and the number of the class of each row."""
    if labels.isna().any():
        raise ConfigError(f"column {y_true!r} has {int(labels.isna().sum()):,} nulls.")
    if model.classes is None:
        raise ConfigError("the attack needs a classifier with probabilities (predict_proba).")
    codes = pd.Index(model.classes).get_indexer(pd.Index(labels))
    if (codes < 0).any():
        raise ConfigError(
            f"{int((codes < 0).sum()):,} values of column {y_true!r} are not classes of the model."
        )
    return model.classes, codes
