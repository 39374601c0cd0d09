"""The report on a glassbox model: importance, shapes, performance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.jobs.glassbox.simple import describe_simple

if TYPE_CHECKING:
    from rai_scale.jobs.glassbox.config import EBMJob

LIMITS = (
    "A shape describes what the model does with a feature, not what the feature causes: correlated "
    "features share their effect.",
    "Where there are few rows, a shape may be due to chance; its area shows how much the bagged "
    "models differ, and not how wrong all of them may be.",
    "Labels are taken as true. If they come from past decisions, the model has learned those.",
    "A model file can run code when it is loaded: load it only if you know that this job wrote it.",
)


def described(config: EBMJob, result: Any, test: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tables and the report of a trained model.

    Parameters
    ----------
    result : EBMResult or GlassboxResult
    test : frame
        The rows on which the performance is measured.
    """
    from rai_scale.jobs.glassbox.shapes import curves_of, performance_table

    describe = _describe_ebm if config.model == "ebm" else describe_simple
    tables, report, notes = describe(config, result)
    curves: list[dict[str, Any]] = []
    rows: list[Any] = []
    measured = _performance(config, result, test, notes)
    if measured is not None:
        tables["performance"] = performance_table(measured)
        curves, rows = curves_of(measured), tables["performance"].to_dict("records")
    where = f"on the {config.holdout:.0%} of rows that were held out"
    where = where if config.holdout else "on the rows that it was trained on"
    report["settings"] |= {
        "features": list(config.features),
        "y_true": config.y_true,
        "task": result.task,
        "classes": [str(name) for name in getattr(result.model, "classes_", ())],
        "measured_on": where,
        "random_state": config.random_state,
    }
    return tables, {**report, "performance": rows, "curves": curves, "notes": notes}


def _describe_ebm(config: EBMJob, result: Any) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return tables, the model's own part of the report, and notes."""
    from rai_scale.jobs.glassbox.shapes import (
        importance_table,
        intercept_of,
        shapes_of,
        shapes_table,
    )

    shapes = shapes_of(result.model)
    tables = {"importance": importance_table(result.model), "shapes": shapes_table(shapes)}
    classifies = result.task == "classification"
    report = {
        "settings": {
            "unit": "log-odds" if classifies else f"the unit of {config.y_true}",
            "pairs": ", ".join(" & ".join(pair) for pair in result.pairs) or "none",
            "shard_rows": ", ".join(f"{rows:,}" for rows in result.shard_rows),
        },
        "summary": {
            "rows": sum(result.shard_rows),
            "terms": len(result.model.term_names_),
            "shards": len(result.shard_rows),
        },
        "importance": tables["importance"].to_dict("records"),
        "shapes": shapes,
        "intercept": intercept_of(result.model),
        "method": {"limits": list(LIMITS)},
    }
    return tables, report, list(result.notes)


def _performance(config: EBMJob, result: Any, test: Any, notes: list[str]) -> Any:
    from rai_scale.glassbox.score import score_ebm
    from rai_scale.glassbox.simple_score import score_glassbox
    from rai_scale.measures.model_performance.by_group import performance

    classes = list(getattr(result.model, "classes_", ()))
    if len(classes) > 2:  # noqa: PLR2004
        notes.append("Performance is measured only for two classes and for regressions.")
        return None
    kept = list(dict.fromkeys([config.y_true, *config.sensitive_features]))
    if config.model == "ebm":
        scored = score_ebm(test, result, contributions=False, key_columns=kept)
    else:
        scored = score_glassbox(test, result, key_columns=kept)
    label = {"pos_label": _label_of(scored, config.y_true, classes[1])} if classes else {}
    try:
        return performance(
            scored, y_true=config.y_true, score="prediction", task=result.task,
            sensitive_features=list(config.sensitive_features), **label,
        )  # fmt: skip
    except ConfigError as error:
        notes.append(f"Performance could not be measured: {error}")
        return None


def _label_of(frame: Any, y_true: str, name: Any) -> Any:
    """Return a class with the type of the column; APLR names its classes as text."""
    kind = engine_of(frame).schema(frame).field(y_true).type
    if not isinstance(name, str) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return name
    if pa.types.is_boolean(kind):
        return name == "True"
    return int(name) if pa.types.is_integer(kind) else float(name)
