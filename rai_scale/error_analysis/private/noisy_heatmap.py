"""A heatmap of errors from a release."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from rai_scale.error_analysis.cohorts.conditions import (
    AllOf,
    Compare,
    Condition,
    Not,
    OneOf,
    to_text,
)
from rai_scale.error_analysis.heatmap_result import MOST_FEATURES, Heatmap
from rai_scale.error_analysis.private.noisy_counts import NoisyCounts
from rai_scale.error_analysis.slices.items import items_between
from rai_scale.errors import ConfigError


def heatmap_of(
    released: NoisyCounts,
    features: Sequence[str],
    counts: np.ndarray,
    behind: int,
    confidence: float,
) -> Heatmap:
    """Return the heatmap of one or two features.

    Parameters
    ----------
    released : NoisyCounts
    features : sequence of str
    counts : ndarray of int64
        One axis per feature, and a last one for right and wrong rows.
    behind : int
        The number of noisy counts in each.
    confidence : float
    """
    if not 1 <= len(features) <= MOST_FEATURES:
        raise ConfigError(f"a heatmap has one or two features; found {len(features)}.")
    cells = [AllOf(parts) for parts in product(*(_conditions(released, n) for n in features))]
    flat = counts.reshape(-1, 2)
    rows, errors = flat.sum(axis=1), flat[:, 1]
    shares = released.shares(rows, errors, np.full(len(rows), behind))
    tail = (1 - confidence) / 2
    total = errors.sum()
    table = {
        **{name: [to_text(c.parts[at]) for c in cells] for at, name in enumerate(features)},
        "rows": rows,
        "errors": errors,
        "error_rate": np.where(shares.usable, shares.estimate, np.nan),
        "low": shares.end(tail, upper=False),
        "high": shares.end(tail, upper=True),
        "share_of_errors": errors / total if total > 0 else np.full(len(rows), np.nan),
    }
    made = pd.DataFrame(table)
    return Heatmap(made, list(cells), released.labels, "error_rate", released.notes)


def _conditions(released: NoisyCounts, name: str) -> list[Condition]:
    declared = released.declared
    if name in declared.bounds:
        edges = [float(edge) for edge in declared.bounds[name]]
        return list(items_between(name, edges, missing=True).conditions)
    values = tuple(sorted(declared.categories[name]))
    rest = Not(OneOf(name, values))  # missing or not declared
    return [*(Compare(name, "=", value) for value in values), rest]
