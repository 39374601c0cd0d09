"""A facet d (one value of a feature) against facet a (all other rows), as Clarify compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rai_scale.fairness.data_balance.cells import Groups, Strata
from rai_scale.fairness.data_balance.registry import ratio


@dataclass(frozen=True)
class Side:
    """Weights of one facet: rows, by label, by prediction and by both; None if not given."""

    n: float
    label: float | None = None
    classes: np.ndarray | None = None
    predicted: float | None = None
    tp: Any = None
    fp: Any = None
    fn: Any = None
    tn: Any = None


@dataclass(frozen=True)
class Facets:
    """Facet ``d`` and facet ``a``, and d's part of each stratum of labels or predictions."""

    a: Side
    d: Side
    strata: Strata | None = None
    d_strata: Strata | None = None


def facets(groups: Groups, index: int, outcome: str | None) -> Facets:
    """Return group ``index`` as facet d and all others as facet a."""
    inside = np.arange(len(groups.values)) == index
    strata = groups.strata.get(outcome or "")
    return Facets(
        _side(groups, ~inside),
        _side(groups, inside),
        None if strata is None else _added(strata, np.ones_like(inside)),
        None if strata is None else _added(strata, inside),
    )


def _added(strata: Strata, mask: np.ndarray) -> Strata:
    return Strata(strata.negative[mask].sum(axis=0), strata.positive[mask].sum(axis=0))


def _side(groups: Groups, mask: np.ndarray) -> Side:
    def add(values: np.ndarray | None) -> Any:
        return None if values is None else values[mask].sum(axis=0)

    label, prediction = groups.outcomes.get("label"), groups.outcomes.get("prediction")
    numbers: dict[str, Any] = {}
    if label is not None:
        numbers |= {"label": add(label.selected), "classes": add(groups.classes)}
    if prediction is not None:
        numbers["predicted"] = add(prediction.selected)
        numbers |= {name: add(getattr(prediction, name)) for name in ("tp", "fp", "fn", "tn")}
    return Side(float(groups.weight[mask].sum()), **numbers)


def demographic_disparity(d: Strata, every: Strata) -> np.ndarray:
    """Return n_d(0) / n(0) - n_d(1) / n(1) per stratum, NaN where a stratum lacks an outcome."""
    return ratio(d.negative, every.negative) - ratio(d.positive, every.positive)


def conditional_disparity(f: Facets) -> float:
    """Return the disparities of the strata, averaged by their weight."""
    if f.strata is None or f.d_strata is None:
        return float("nan")
    weight = f.strata.negative + f.strata.positive
    return ratio((weight * demographic_disparity(f.d_strata, f.strata)).sum(), weight.sum())
