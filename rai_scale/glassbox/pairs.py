"""Select the pairs of features that all shards model, on a sample of rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.errors import ConfigError, check_columns
from rai_scale.glassbox.fit import FitPlan, ebm_frame
from rai_scale.statistics.score_bins import as_floats

PAIR_BAGS = 2


def find_pairs(
    plan: FitPlan, interactions: Any, sample: pa.Table, max_pair_bins: int
) -> tuple[tuple[int, int], ...]:
    """Return the given pairs, or the strongest pairs according to interpret's FAST.

    Parameters
    ----------
    plan : FitPlan
        The plan, without pairs.
    interactions : int, float, str or list of pairs of names
        Number of pairs, multiple of the number of features (``"3x"``, 0.9), or the pairs.
    sample : pyarrow.Table
        Rows on which pairs are ranked, after an EBM without pairs was fitted to them.

    Raises
    ------
    ConfigError
        If ``interactions`` has another form, or a pair does not name two features.
    """
    names = [column.name for column in plan.columns]
    if isinstance(interactions, Sequence) and not isinstance(interactions, str):
        return _named(interactions, names)
    wanted = min(how_many(interactions, len(names)), len(names) * (len(names) - 1) // 2)
    if wanted == 0:
        return ()
    from interpret.utils import measure_interactions

    bags = min(PAIR_BAGS, int(plan.params.get("outer_bags", PAIR_BAGS)))
    mains = replace(plan, params={**plan.params, "outer_bags": bags}).fit(sample)
    # FAST bins each feature by quantiles of the sample; only the ranking of pairs is used
    kinds = ["continuous" if c.kind == "continuous" else "nominal" for c in plan.columns]
    y = sample[plan.y_true]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranked = measure_interactions(
            ebm_frame(sample, plan.columns),
            as_floats(y) if plan.task == "regression" else y.to_numpy(),
            interactions=wanted,
            init_score=mains,
            sample_weight=None if plan.weight is None else as_floats(sample[plan.weight]),
            feature_names=names,
            feature_types=kinds,
            max_interaction_bins=max_pair_bins,
            objective=plan.params.get("objective"),
        )
    return tuple(sorted(_ordered(pair) for pair, _ in ranked))


def how_many(interactions: Any, features: int) -> int:
    """Return the number of pairs for ``3``, ``0.9`` or ``"3x"``.

    As in interpret, a float below 1 and a string with ``x`` are multiples of the number of
    features.
    """
    try:
        if isinstance(interactions, str) and interactions.strip().lower().endswith("x"):
            number = float(interactions.strip()[:-1]) * features
        else:
            number = float(interactions or 0)
            number = number * features if 0 < number < 1 else number
    except (TypeError, ValueError):
        number = -1
    if not (np.isfinite(number) and number >= 0):
        raise ConfigError(
            f"interactions={interactions!r}: give a number of pairs, a multiple of the number of "
            "features such as '3x', or a list of pairs of feature names."
        )
    return int(np.ceil(number))


def _named(pairs: Sequence[Any], names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    found = []
    for pair in pairs:
        members = list(pair) if isinstance(pair, list | tuple) else [pair]
        named = [
            names[i] if isinstance(i, int) and 0 <= i < len(names) else str(i) for i in members
        ]
        check_columns(named, names)
        if len(set(named)) != 2:  # noqa: PLR2004
            raise ConfigError("an interaction is a pair of two different features.")
        found.append(_ordered([names.index(name) for name in named]))
    return tuple(sorted(set(found)))


def _ordered(pair: Sequence[int]) -> tuple[int, int]:
    low, high = sorted(int(i) for i in pair)
    return low, high
