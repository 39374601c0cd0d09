"""Single rows of an explain job, drawn by a keyed hash, with their values and explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.explanations.local.explaining import plan_explanation
from rai_scale.explanations.local.reasons import add_reasons
from rai_scale.models.background import sample_rows

if TYPE_CHECKING:
    from rai_scale.jobs.explain.config import ExplainJob

ROWS_SEED = 2_000_003
"""Added to the random state, so that other rows are drawn than for the background."""


@dataclass(frozen=True)
class Explained:
    """Table function: keeps the rows whose explanations are finite numbers."""

    columns: tuple[str, ...]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the kept rows."""
        found = [table[name].to_numpy() for name in self.columns]
        return table.filter(pa.array(np.isfinite(found).all(axis=0)))


def sampled_rows(
    config: ExplainJob,
    frame: Any,
    model: Any,
    kept: Sequence[str] | None,
    asked: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return ``config.row_pages`` rows with their values and contributions.

    The random draws for a row depend on its key only, so that its values equal those of the table.
    """
    columns = list(dict.fromkeys([*config.key_columns, *config.features, *(kept or [])]))
    table = sample_rows(
        engine_of(frame), frame, columns, config.row_pages, config.random_state + ROWS_SEED
    )
    plan = plan_explanation(table, model, key_columns=kept, **asked)  # Arrow keeps the order
    explained = plan.frame
    for name in config.features:  # the text of reasons includes the values
        if name not in explained.column_names:
            explained = explained.append_column(name, table[name])
    found, shown = explained.to_pandas(), table.to_pandas()
    labels = [n.removeprefix("prediction") for n in plan.columns if n.startswith("prediction")]
    prefix = "lime" if plan.method == "lime" else "shap"
    texts = {label: _reasons(explained, prefix, label, config.features) for label in labels}
    pages = []
    for number in range(len(found)):
        name = _name(config.key_columns, shown.iloc[number], number)
        for label in labels:
            page = _page(config, found.iloc[number], shown.iloc[number], label, prefix)
            named = name + (f", class {label.removeprefix('_')}" if label else "")
            pages.append({"name": named, **page, "text": texts[label][number]})
    return pages


def _reasons(
    explained: pa.Table, prefix: str, label: str, features: Sequence[str]
) -> list[str | None]:
    named = {"column": "_rai_reasons", "score_name": "the prediction"}
    made = add_reasons(explained, 3, f"{prefix}{label}_", features=features, **named)
    return list(made["_rai_reasons"].to_pylist())


def _name(keys: Sequence[str], row: pd.Series, number: int) -> str:
    if not keys:
        return f"Row {number + 1}"
    return ", ".join(f"{key} {row[key]}" for key in keys)


def _page(
    config: ExplainJob, found: pd.Series, shown: pd.Series, label: str, prefix: str
) -> dict[str, Any]:
    parts = []
    for feature in config.features:
        error = found.get(f"{prefix}_error{label}_{feature}")
        parts.append(
            {
                "feature": feature,
                "shown": _shown(shown[feature]),
                "value": float(found[f"{prefix}{label}_{feature}"]),
                "error": None if error is None else float(error),
            }
        )
    return {
        "prediction": float(found[f"prediction{label}"]),
        "base_value": float(found[f"base_value{label}"]),
        "parts": parts,
    }


def _shown(value: Any) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return f"{value:,.6g}" if isinstance(value, float | np.floating) else str(value)
