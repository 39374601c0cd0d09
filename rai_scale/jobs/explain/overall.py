"""Results of an explain job over all rows: sensitivity, permutation, importance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.explanations.overall.mean_importance import importance
from rai_scale.explanations.overall.permutation import permutation_importance
from rai_scale.explanations.overall.sensitivity import morris, sobol

if TYPE_CHECKING:
    from rai_scale.jobs.explain.config import ExplainJob

MOST_GROUPS = 200


def morris_table(config: ExplainJob, frame: Any, model: Any, asked: dict[str, Any]) -> pd.DataFrame:
    """Return ``feature``, ``class``, ``mu_star``, ``low``, ``high`` and ``sigma``."""
    found = morris(
        frame, model, trajectories=config.morris, confidence=config.confidence, **asked
    ).to_pandas()
    half = found["mu_star_conf"]
    found = found.assign(low=(found["mu_star"] - half).clip(lower=0), high=found["mu_star"] + half)
    if "class" not in found:
        found.insert(0, "class", "")
    return found[["feature", "class", "mu_star", "low", "high", "sigma"]]


def sobol_tables(
    config: ExplainJob, frame: Any, model: Any, asked: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the Sobol indices of features, and those of pairs.

    The first has ``feature``, ``class``, ``value`` (the total index) with ``low`` and ``high``, and
    ``first`` (the first-order index); the second ``first``, ``second``, ``class``, ``S2`` and
    ``S2_conf``.
    """
    found = sobol(frame, model, base_samples=config.sobol, confidence=config.confidence, **asked)
    single, pairs = found.to_pandas(), []
    if "class" not in single:
        single.insert(0, "class", "")
    for label in found.labels:
        pairs.append(found.pairs(label or None).assign(**{"class": label}))
    single = single.assign(
        value=single["ST"],
        low=single["ST"] - single["ST_conf"],
        high=single["ST"] + single["ST_conf"],
        first=single["S1"],
    )
    return (
        single[["feature", "class", "value", "low", "high", "first"]],
        pd.concat(pairs, ignore_index=True),
    )


def permutation_table(
    config: ExplainJob, frame: Any, model: Any, asked: dict[str, Any]
) -> pd.DataFrame:
    """Return ``feature`` and ``value``, and ``low`` and ``high``, the range over the repeats."""
    assert config.permutation is not None
    found = permutation_importance(
        frame,
        model,
        features=asked["features"],
        background=asked["background"],
        y_true=config.permutation.y_true,
        scoring=config.permutation.scoring,
        repeats=config.permutation.repeats,
        random_state=config.random_state,
    )
    return pd.DataFrame(
        {
            "feature": found.features,
            "value": found.importances_mean,
            "low": found.importances.min(axis=1),
            "high": found.importances.max(axis=1),
        }
    )


def importance_tables(
    config: ExplainJob, written: Any, prefix: str, labels: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return importance over all rows, and by each sensitive feature, from the written table.

    Both have ``class``, ``feature``, ``value`` (mean absolute value), ``low``, ``high`` and
    ``mean``; groups also ``sensitive_feature``, ``group``, ``rows`` and ``p_adjusted`` (of the test
    that their means differ).
    """
    overall, groups = [], []
    for label in labels or ("",):
        begin = f"{prefix}_{label}_" if label else f"{prefix}_"
        asked: dict[str, Any] = {"prefix": begin, "features": list(config.features)}
        asked["confidence"] = config.confidence
        overall.append(_renamed(importance(written, **asked).overall, label))
        for name in config.sensitive_features:
            found = importance(written, sensitive_features=name, **asked)
            assert found.groups is not None
            assert found.differences is not None
            table = _renamed(found.groups.rename(columns={name: "group"}), label)
            tests = found.differences.query("of == 'mean_abs'").set_index("feature")["p_adjusted"]
            table["p_adjusted"] = table["feature"].map(tests)
            groups.append(table.assign(sensitive_feature=name, group=table["group"].astype(str)))
    ordered = pd.concat(overall).sort_values(
        ["class", "value"], ascending=[True, False], kind="stable", ignore_index=True
    )
    return ordered, pd.concat(groups, ignore_index=True) if groups else pd.DataFrame()


def _renamed(table: pd.DataFrame, label: str) -> pd.DataFrame:
    names = {"mean_abs": "value", "lower": "low", "upper": "high"}
    variance = table["std_error"] ** 2 + table["sampling_error"] ** 2
    table = table.rename(columns=names).assign(**{"class": label}).assign(variance=variance)
    kept = ["class", "feature", "value", "low", "high", "mean", "rows", "variance"]
    return table[["group", *kept] if "group" in table else kept]


def check_groups(engine: Engine, frame: Any, names: tuple[str, ...]) -> None:
    """Raise :class:`ConfigError` if groups cannot be compared."""
    for name in names:
        try:
            counted = engine.group_counts(frame, [name], limit=MOST_GROUPS)
        except TooManyGroupsError:
            raise ConfigError(
                f"sensitive_features: {name!r} has more than {MOST_GROUPS} groups; use a coarser "
                "column."
            ) from None
        missing = counted.filter(counted[name].is_null(nan_is_null=True))["count"].to_pylist()
        if missing:
            raise ConfigError(
                f"sensitive_features: {name!r} is missing in {sum(missing):,} rows; fill it, or "
                "give those rows a separate group."
            )
