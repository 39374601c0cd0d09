"""Terms, shapes and curves of a model as plain values, for tables and pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

CURVE_POINTS = 200
_OF_CLASSES, _OF_VALUES = ("auc", "average_precision"), ("rmse", "mae", "r2")
PERFORMANCE = _OF_CLASSES + _OF_VALUES
"""The metrics of a model: of a classification the first two, of a regression the others."""


def importance_table(model: Any) -> pd.DataFrame:
    """Return ``term`` and ``value``, the mean absolute score of each term, largest first."""
    found = pd.DataFrame({"term": model.term_names_, "value": model.term_importances()})
    return found.sort_values("value", ascending=False, kind="stable", ignore_index=True)


def intercept_of(model: Any) -> list[float]:
    """Return the number that every prediction starts from: one, or one per class."""
    return [float(value) for value in np.ravel(model.intercept_)]


def shapes_of(model: Any) -> list[dict[str, Any]]:
    """Return the shape of every term and class; see :func:`~rai_scale.reports.ebm.render_ebm`.

    A prediction is ``intercept`` and the values of the shapes at the bins of a row: a value equal
    to a cut belongs to the bin above it.

    The smallest and the largest value of a feature are values of single rows, so that the outer
    bins of a shape end near the outermost cut points instead.
    """
    explained = model.explain_global()
    classes = [str(name) for name in getattr(model, "classes_", ())]
    several = classes if len(classes) > 2 else [""]  # noqa: PLR2004
    found = []
    for number, term in enumerate(model.term_names_):
        data = explained.data(number)
        features = [model.feature_names_in_[at] for at in model.term_features_[number]]
        for at, label in enumerate(several):
            own = {"term": term, "class": label, "features": features}
            found.append({**own, **_shape(data, at)})
    return found


def _shape(data: dict[str, Any], at: int) -> dict[str, Any]:
    if data["type"] == "interaction":
        values = _of_class(data["scores"], 2, at)
        left, right = (_bins(data[side], n) for side, n in (("left_names", 0), ("right_names", 1))
                       for n in [values.shape[n]])  # fmt: skip
        cuts = {
            f"{side}_cuts": _cuts(data[f"{side}_names"], bins)
            for side, bins in zip(("left", "right"), values.shape, strict=True)
        }
        return {"kind": "heat", "left": left, "right": right, **cuts, "values": values.tolist()}
    values, low, high = (
        _of_class(data[name], 1, at) for name in ("scores", "lower_bounds", "upper_bounds")
    )
    numbers = {"values": values.tolist(), "low": low.tolist(), "high": high.tolist()}
    names = list(data["names"])
    if len(names) == len(values):
        return {"kind": "levels", "levels": [str(name) for name in names], **numbers}
    return {"kind": "steps", "edges": _inner(names), **numbers}


def _of_class(values: Any, dimensions: int, at: int) -> np.ndarray:
    found = np.asarray(values, dtype=np.float64)
    return found if found.ndim == dimensions else found[..., at]


def _inner(names: list[Any]) -> list[float]:
    """Return edges whose ends do not disclose the extremes of the data."""
    edges = [float(name) for name in names]
    cuts = edges[1:-1]
    if not cuts:
        return [0.0, 1.0]
    width = (cuts[-1] - cuts[0]) / max(len(cuts) - 1, 1) or 1.0
    return [cuts[0] - width, *cuts, cuts[-1] + width]


def _cuts(names: Any, bins: int) -> list[float] | None:
    """Return the numbers between bins; None for the levels of a category."""
    names = list(names)
    return None if len(names) == bins else [float(name) for name in names[1:-1]]


def _bins(names: Any, bins: int) -> list[str]:
    cuts = _cuts(names, bins)
    if cuts is None:
        return [str(name) for name in names]
    if not cuts:
        return ["all"] * bins
    return [f"below {_short(cuts[0])}", *map(_short, cuts)]


def _short(cut: float) -> str:
    return f"{cut:,.0f}" if abs(cut) >= 1000 else f"{cut:.4g}"  # noqa: PLR2004


def shapes_table(shapes: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row per bin: ``term``, ``class``, ``bin``, ``from``, ``value``, ``low``, ``high``.

    ``from`` is the lower end of a bin of numbers, else null; pairs have ``bin`` of both features.
    """
    return pd.DataFrame([row for shape in shapes for row in _rows(shape)])


def _rows(shape: dict[str, Any]) -> Iterator[dict[str, Any]]:
    own = {"term": shape["term"], "class": shape["class"]}
    if shape["kind"] == "heat":
        for i, left in enumerate(shape["left"]):
            for j, right in enumerate(shape["right"]):
                value = shape["values"][i][j]
                yield own | {"bin": f"{left}, {right}", "from": None, "value": value}
        return
    steps = shape["kind"] == "steps"
    names = [str(n) for n in range(len(shape["values"]))] if steps else shape["levels"]
    for i, name in enumerate(names):
        start = shape["edges"][i] if steps and i else None
        numbers = {key: shape[part][i] for key, part in
                   (("value", "values"), ("low", "low"), ("high", "high"))}  # fmt: skip
        yield own | {"bin": name, "from": start, **numbers}


def performance_table(found: Any) -> pd.DataFrame:
    """Return ``group``, ``rows``, ``metric``, ``value``; the empty group is all rows."""
    names = _OF_VALUES if found.task == "regression" else _OF_CLASSES
    parts = [found.overall.assign(group="")]
    if len(found.groups.columns):
        parts.append(found.by_group.assign(group=_group_names(found.groups)))
    table = pd.concat(parts, ignore_index=True)
    long: pd.DataFrame = pd.concat(
        [table[["group", "rows"]].assign(metric=name, value=table[name]) for name in names],
        ignore_index=True,
    )
    return long


def curves_of(found: Any) -> list[dict[str, Any]]:
    """Return ROC and precision-recall points over all rows and by group, thinned for a page."""
    if found.task == "regression":
        return []
    asked: list[tuple[str, Any]] = [("", None)]
    if len(found.groups.columns):
        values = found.groups.itertuples(index=False, name=None)
        asked += list(zip(_group_names(found.groups), values, strict=True))
    curves = []
    for name, group in asked:
        roc, pr = found.roc(group=group), found.precision_recall(group=group)
        for kind, x, y in (("roc", roc["fpr"], roc["tpr"]), ("pr", pr["recall"], pr["precision"])):
            points = [
                [a, b] for a, b in _thin(x.to_numpy(), y.to_numpy()) if np.isfinite([a, b]).all()
            ]
            if points:
                curves.append({"kind": kind, "group": name, "points": points})
    return curves


def _thin(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    at = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS)).round().astype(int))
    return list(zip(x[at].tolist(), y[at].tolist(), strict=True))


def _group_names(groups: pd.DataFrame) -> list[str]:
    return [", ".join(map(str, row)) for row in groups.itertuples(index=False, name=None)]
