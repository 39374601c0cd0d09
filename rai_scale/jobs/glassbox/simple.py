"""Linear, tree and APLR models in the job that trains a glassbox model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from rai_scale.glassbox.simple import GlassboxResult
    from rai_scale.jobs.glassbox.config import EBMJob

KINDS = {"linear": "A linear model", "tree": "A decision tree", "aplr": "A piecewise linear model"}
SAYS = {
    "linear": "Size of a coefficient; numbers are in units of their standard deviation. With more "
    "than two classes, the mean over classes.",
    "tree": "Share of the decrease in impurity that comes from splits on the feature.",
    "aplr": "Standard deviation of the term’s contribution to the score, as APLR reports it.",
}
LIMITS = (
    "A coefficient or a split describes what the model does with a feature, not what the feature "
    "causes.",
    "Labels are taken as true. If they come from past decisions, the model has learned those.",
    "A model file can run code when it is loaded: load it only if you know that this job wrote it.",
)


def train_simple(config: EBMJob, frame: Any) -> GlassboxResult:
    """Train the model that the configuration names."""
    from rai_scale.glassbox.simple import train_glassbox

    types = {name: kind for name, kind in config.feature_types.items() if isinstance(kind, str)}
    return train_glassbox(
        frame,
        features=list(config.features),
        y_true=config.y_true,
        model=config.model,
        task=config.task,
        feature_types=types,
        random_state=config.random_state,
    )


def simple_importance(result: GlassboxResult) -> pd.DataFrame:
    """Return ``term`` and ``value``, largest first; a linear model's also ``coefficient``."""
    prepare, model = result.model.named_steps["prepare"], result.model.named_steps["model"]
    names = list(prepare.get_feature_names_out())
    found = pd.DataFrame({"term": names})
    if result.name == "linear":
        coefficients = np.atleast_2d(model.coef_)
        found["value"] = np.abs(coefficients).mean(axis=0)
        if len(coefficients) == 1:
            found["coefficient"] = coefficients[0]
    elif result.name == "tree":
        found["value"] = model.feature_importances_
    else:
        terms = [_named(term, names) for term in model.get_unique_term_affiliations()]
        found = pd.DataFrame({"term": terms, "value": model.get_feature_importance()})
    return found.sort_values("value", ascending=False, kind="stable", ignore_index=True)


def _named(term: str, names: list[str]) -> str:
    """Return a term of APLR, such as ``X1 & X3``, with the names of its columns."""
    return " & ".join(names[int(part.removeprefix("X")) - 1] for part in term.split(" & "))


def rules_of(result: GlassboxResult) -> str | None:
    """Return a tree as text: its splits and leaves, without counts of rows."""
    if result.name != "tree":
        return None
    from sklearn.tree import export_text

    names = list(result.model.named_steps["prepare"].get_feature_names_out())
    return str(export_text(result.model.named_steps["model"], feature_names=names))


def describe_simple(
    config: EBMJob, result: GlassboxResult
) -> tuple[dict[str, pd.DataFrame], dict[str, Any], list[str]]:
    """Return tables, the model's own part of the report, and notes."""
    importance = simple_importance(result)
    notes = []
    if result.rows < result.total:
        notes.append(f"Trained on a keyed sample of {result.rows:,} of {result.total:,} rows.")
    report = {
        "settings": {
            "kind": KINDS[result.name],
            "importance": SAYS[result.name],
            "unit": "the score before the link function",
        },
        "summary": {"rows": result.rows, "terms": len(importance)},
        "importance": importance.to_dict("records"),
        "shapes": [],
        "method": {"limits": list(LIMITS)},
        "rules": rules_of(result),
    }
    return {"importance": importance}, report, notes
