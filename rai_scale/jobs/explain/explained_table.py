"""The parts of an explain job: the lazy explained table, and the results over all its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.errors import check_columns
from rai_scale.explanations.local.explaining import plan_explanation
from rai_scale.explanations.local.reasons import add_reasons
from rai_scale.jobs.explain.dependence import (
    dependence_curves,
    dependence_pairs,
    pair_terms,
    single_terms,
)
from rai_scale.jobs.explain.overall import (
    check_groups,
    importance_tables,
    morris_table,
    permutation_table,
    sobol_tables,
)
from rai_scale.jobs.explain.rows import Explained, sampled_rows
from rai_scale.models.background import Background, background_frame
from rai_scale.models.files import load_model

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.jobs.explain.config import ExplainJob

SHAP_LIMITS = (
    "The values describe the model, not the world: a feature that moves the prediction need not "
    "cause the outcome, and changing it need not change the outcome.",
    "Correlated features share their importance. Values of one feature are replaced independently "
    "of the others, so that the model also predicts rows that cannot exist.",
    "All values are relative to the background rows; another background gives other values.",
)
LIME_LIMITS = (
    "A local linear model is fitted around each row. Its fit differs from row to row, and "
    "its values do not add up to the prediction.",
)
GROUP_LIMIT = (
    "Different reasons between groups do not prove unfair treatment, and equal reasons do not "
    "prove fair treatment: groups may differ in the features themselves."
)

UNEXPLAINED_NOTE = (
    "{:,} of {:,} rows have no explanation (column explained_by), because their TreeSHAP values "
    "do not add up to the predictions: the model treats some values differently than shap does. "
    "They are left out of the importance; method: kernel_shap explains them."
)


@dataclass(frozen=True)
class Parts:
    """An explanation in progress: the lazy table, and plain values.

    Attributes
    ----------
    explained : frame of the engine
    method : dict
        ``name``, ``why``, ``limits``.
    columns : tuple of str
        Columns that the explanation adds.
    labels : tuple of str
        Classes that are explained; empty for one number.
    settings : dict
    rows : int
    tables : dict of str to DataFrame
    found : dict of str to list
        Records of the report, by its part.
    notes : list of str
    """

    explained: Any
    method: dict[str, Any]
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    settings: dict[str, Any]
    rows: int = 0
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    found: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def after_writing(self, config: ExplainJob, engine: Engine, written: Any) -> Parts:
        """Add the results that are computed from the written table."""
        counted = engine.group_counts(written, ["explained_by"]).to_pylist()
        rows = sum(group["count"] for group in counted)
        without = sum(g["count"] for g in counted if g["explained_by"] != self.method["name"])
        notes = [*self.notes, UNEXPLAINED_NOTE.format(without, rows)] if without else self.notes
        if not (config.importance and rows > without):
            return replace(self, rows=rows, notes=notes)
        prefix = "lime" if self.method["name"] == "lime" else "shap"
        if prefix == "lime" or without:
            written = _without_missing(engine, written, self.columns, prefix)
        overall, by_group = importance_tables(config, written, prefix, self.labels)
        found: dict[str, Any] = {**self.found, "importance": overall.to_dict("records")}
        tables = {**self.tables, "importance": overall}
        if len(by_group):
            found["importance_by_group"] = by_group.to_dict("records")
            tables["importance_by_group"] = by_group
        return replace(self, rows=rows, tables=tables, found=found, notes=notes)

    def report(self, config: ExplainJob) -> dict[str, Any]:
        """Return the report without title and run."""
        return {
            "settings": self.settings,
            "method": self.method,
            "summary": {"rows": self.rows, "features": len(config.features)},
            "importance": [],
            **self.found,
            "notes": self.notes,
        }


def explain_parts(config: ExplainJob, engine: Engine, frame: Any, given: Any) -> Parts:
    """Plan the explained table, and compute the results that need the model and the source.

    Parameters
    ----------
    given : frame or None
        The table of the background.
    """
    names = engine.columns(frame)
    y_true = [] if config.permutation is None else [config.permutation.y_true]
    check_columns(
        [*config.features, *config.key_columns, *config.sensitive_features, *y_true], names
    )
    check_groups(engine, frame, config.sensitive_features)
    estimator = load_model(config.model.path, trusted=config.model.trusted)
    model = config.model.model(estimator)
    drawn = Background(config.background.rows, given, config.background.random_state)
    background = background_frame(drawn, frame, config.features, config.random_state)
    asked: dict[str, Any] = {
        "features": config.features,
        "background": background,
        "explain_class": config.explain_class,
        "random_state": config.random_state,
    }
    kept = (
        list(dict.fromkeys([*config.key_columns, *config.sensitive_features]))
        if config.key_columns
        else None
    )
    local: dict[str, Any] = {
        "method": config.method,
        "sampling": config.sampling,
        "perturbation": config.perturbation,
    }
    plan = plan_explanation(frame, model, key_columns=kept, **asked, **local)
    labels = _labels(plan.columns)
    tables, found = _over_all_rows(config, frame, model, asked)
    if config.row_pages:
        found["rows"] = sampled_rows(config, frame, model, kept, {**asked, **local})
    limits: tuple[str, ...] = LIME_LIMITS if plan.method == "lime" else SHAP_LIMITS
    limits += (GROUP_LIMIT,) if config.sensitive_features else ()
    method = {"name": plan.method, "why": plan.why, "limits": list(limits)}
    of = config.background.table or "the table itself"
    settings = {
        "features": list(config.features),
        "explained": _explained(config, estimator, labels),
        "confidence": config.confidence,
        "scoring": (config.permutation and config.permutation.scoring) or "the score",
        "sensitive_features": list(config.sensitive_features),
        "model": f"{type(estimator).__name__} ({config.model.file_name})",
        "background": f"{len(background):,} rows of {of}",
        "random_state": config.random_state,
    }
    explained = plan.frame
    for label in (labels or ("",)) if config.reasons else ():
        prefix = "lime_" if plan.method == "lime" else "shap_"
        column, prefix = (f"reasons_{label}", f"{prefix}{label}_") if label else ("reasons", prefix)
        named: dict[str, Any] = {"features": config.features, "column": column}
        explained = add_reasons(explained, config.reasons, prefix, **named)
    return Parts(explained, method, plan.columns, labels, settings, tables=tables, found=found)


def _without_missing(engine: Engine, written: Any, columns: tuple[str, ...], prefix: str) -> Any:
    """Return the rows that could be explained."""
    kept = [name for name in columns if name.startswith(f"{prefix}_")]
    schema = engine.schema(written)
    return engine.map_partitions(
        written, Explained(tuple(kept)), schema, inputs=schema.names, label="explain"
    )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as plain records."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _labels(columns: tuple[str, ...]) -> tuple[str, ...]:
    if "prediction" in columns:
        return ()
    return tuple(n.removeprefix("prediction_") for n in columns if n.startswith("prediction_"))


def _explained(config: ExplainJob, estimator: Any, labels: tuple[str, ...]) -> str:
    scores = config.model.output == "raw"
    what = "the score before the link (log-odds)" if scores else "the probability"
    if labels:
        return f"{what} of each of the classes {', '.join(labels)}"
    own = getattr(estimator, "classes_", getattr(estimator, "classes", None))
    classes = config.model.classes or own
    if config.explain_class is not None:
        return f"{what} of class {config.explain_class}"
    if classes is not None and len(classes) == 2:  # noqa: PLR2004
        return f"{what} of class {np.asarray(classes).tolist()[1]}"
    return "the prediction"


def _over_all_rows(
    config: ExplainJob, frame: Any, model: Any, asked: dict[str, Any]
) -> tuple[dict[str, pd.DataFrame], dict[str, list[dict[str, Any]]]]:
    tables: dict[str, pd.DataFrame] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    if config.morris:
        tables["sensitivity"] = morris_table(config, frame, model, asked)
    if config.permutation is not None:
        tables["permutation"] = permutation_table(config, frame, model, asked)
    if config.sobol:
        tables["variance"], tables["variance_pairs"] = sobol_tables(config, frame, model, asked)
    for name, table in tables.items():
        found[name] = records(table)
    if single_terms(config):
        curves, averages = dependence_curves(config, frame, model, asked)
        found["partial_dependence"] = curves
        tables["partial_dependence"] = averages
    if pair_terms(config):
        maps, averages = dependence_pairs(config, frame, model, asked)
        found["dependence_pairs"] = maps
        tables["dependence_pairs"] = averages
    return tables, found
