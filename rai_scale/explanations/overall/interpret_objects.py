"""Convert results to explanation objects of interpret, for ``interpret.show``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.upstream.interpret import explanation_class

if TYPE_CHECKING:
    from rai_scale.explanations.overall.grids import GridAxis

Entry = tuple["GridAxis", np.ndarray, np.ndarray, "np.ndarray | None"]
_MOST_BARS = 100


def selector(names: Sequence[str], kinds: Sequence[str], unique: Sequence[Any]) -> pd.DataFrame:
    """Return the table of entries of interpret's dashboard."""
    kinds = ["categorical" if kind == "nominal" else kind for kind in kinds]
    return pd.DataFrame(
        {"Name": list(names), "Type": kinds, "# Unique": list(unique), "% Non-zero": np.nan}
    )


def _explanation(  # noqa: PLR0917
    kind: str,
    title: str,
    data: dict[str, Any],
    names: Sequence[str],
    kinds: list[str],
    unique: Sequence[float],
) -> Any:
    """Return an object of one of interpret's classes."""
    return explanation_class(kind)(
        "global",
        data,
        feature_names=list(names),
        feature_types=kinds,
        name=title,
        selector=selector(names, kinds, unique),
    )


def pdp_explanation(entries: Sequence[Entry]) -> Any:
    """Return a ``PDPExplanation`` of (axis, mean, std, lines or None) per feature."""
    names = [axis.feature for axis, *_ in entries]
    kinds = ["nominal" if axis.categorical else "continuous" for axis, *_ in entries]
    specific = [_pdp_entry(*entry) for entry in entries]
    unique = [len(one["density"]["scores"]) for one in specific]
    data = {"overall": None, "specific": specific, "mli": []}
    return _explanation("PDPExplanation", "Partial dependence", data, names, kinds, unique)


def _pdp_entry(
    axis: GridAxis, mean: np.ndarray, std: np.ndarray, lines: np.ndarray | None
) -> dict[str, Any]:
    return {
        "type": "univariate",
        "names": axis.values,
        "scores": mean,
        "density": _density(axis),
        "upper_bounds": mean + std,
        "lower_bounds": mean - std,
        "background_scores": lines,
    }


def pair_explanation(pairs: Sequence[tuple[GridAxis, GridAxis, np.ndarray]]) -> Any:
    """Return a ``FeatureValueExplanation`` with a heat map per (axis, axis, means)."""
    specific = [
        {
            "type": "interaction",
            "left_names": list(left.values),
            "right_names": list(right.values),
            "scores": means,
        }
        for left, right, means in pairs
    ]
    names = [f"{left.feature} & {right.feature}" for left, right, _ in pairs]
    data = {"overall": None, "specific": specific, "mli": []}
    kinds, unique = ["interaction"] * len(names), [means.size for *_, means in pairs]
    title = "Partial dependence of pairs"
    return _explanation("FeatureValueExplanation", title, data, names, kinds, unique)


def _density(axis: GridAxis) -> dict[str, Any]:
    """Return categories with their rows, or a histogram of numbers."""
    if axis.counts is not None:
        return {"names": axis.counts[0], "scores": axis.counts[1]}
    if axis.distribution is None:
        return {"names": axis.values, "scores": np.zeros(len(axis.values), dtype=np.int64)}
    found = axis.distribution
    if axis.categorical:
        return {"names": found.value, "scores": found.count}
    # Sturges' rule on the counts
    bins = min(_MOST_BARS, int(np.ceil(np.log2(max(found.rows, 1)))) + 1)
    scores, edges = np.histogram(found.value, bins=bins, weights=found.count)
    return {"names": edges, "scores": scores}


def bars(names: Sequence[str], scores: np.ndarray, title: str) -> Any:
    """Return a ``FeatureValueExplanation`` with one bar per feature."""
    overall = {"names": list(names), "scores": scores}
    data: dict[str, Any] = {"overall": overall, "specific": None, "mli": []}
    return _per_feature("FeatureValueExplanation", title, data, names)


def morris_explanation(names: Sequence[str], found: dict[str, np.ndarray]) -> Any:
    """Return a ``MorrisExplanation`` of mu, mu_star, sigma and mu_star_conf."""
    keys = ("mu", "mu_star", "sigma", "mu_star_conf")
    specific = [{"type": "morris", **{k: found[k][i] for k in keys}} for i in range(len(names))]
    some = found["mu_star"] > 0
    ratio = found["mu_star_conf"][some] / found["mu_star"][some]
    overall = {
        "names": list(names),
        "scores": found["mu_star"],
        "convergence_index": float(ratio.max()) if len(ratio) else 0.0,
    }
    data = {"overall": overall, "specific": specific}
    return _per_feature("MorrisExplanation", "Morris sensitivity", data, names)


def _per_feature(kind: str, title: str, data: dict[str, Any], names: Sequence[str]) -> Any:
    unknown = [np.nan] * len(names)
    return _explanation(kind, title, data, names, ["continuous"] * len(names), unknown)
