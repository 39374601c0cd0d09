"""Every ``*_ci`` of a private MetricFrame."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from rai_scale.fairness.private.gaps import KINDS, gap_end, part_of
from rai_scale.fairness.private.shares import shares_of
from rai_scale.fairness.private.values import UsableTables, shaped, wide
from rai_scale.measures.bootstrap_options import Bootstrap
from rai_scale.measures.uncertainty.noisy_shares import Shares
from rai_scale.measures.uncertainty.replicates import Replicates

_HALF = 0.5


def fill_intervals(found: UsableTables, replicates: Replicates, quantiles: Sequence[float]) -> None:
    """Fill every ``*_ci``: shares by their own intervals, the rest by replicates."""
    replicates = _usable_replicates(found, replicates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # metrics without a usable group
        asked = Bootstrap(len(replicates.by_group), ci_quantiles=quantiles)
        found.add_replicates(replicates, asked)
        spreads = [np.nanstd(r, axis=0) for r in (replicates.by_group, replicates.overall)]
    cache = found.answers
    by_group, overall = pd.DataFrame(found.by_group), wide(found, found.overall)
    roles = found.noisy.roles
    tables: dict[str, list[pd.DataFrame | pd.Series]] = {"by_group_ci": [], "overall_ci": []}
    for quantile in quantiles:
        ends = _ends(found, by_group.to_numpy(float), spreads[0], quantile, roles.groups)
        table = pd.DataFrame(ends, index=by_group.index, columns=by_group.columns)
        single = found.single
        tables["by_group_ci"].append(table.iloc[:, 0] if single else table)
        spread = spreads[1].reshape(overall.shape)
        tables["overall_ci"].append(
            shaped(found, _ends(found, overall, spread, quantile, roles.control))
        )
    cache.update(tables)
    for kind in KINDS:
        for i, quantile in enumerate(quantiles):
            where = cache[f"{kind}_ci"]
            where = where["between_groups"] if isinstance(where, dict) else where
            where[i] = shaped(found, _gaps(found, kind, wide(found, where[i]), quantile))


def _usable_replicates(found: UsableTables, replicates: Replicates) -> Replicates:
    by_group = np.where(found.usable.to_numpy(), replicates.by_group, np.nan)
    whole = found.usable_overall.to_numpy().reshape(replicates.overall.shape[1:])
    return replace(
        replicates, by_group=by_group, overall=np.where(whole, replicates.overall, np.nan)
    )


def _ends(
    found: UsableTables,
    values: np.ndarray,
    spread: np.ndarray,
    quantile: float,
    by: Sequence[str],
) -> np.ndarray:
    """Return one end of all intervals; a normal interval if a metric is not a share of rows."""
    ends: np.ndarray = values + norm.ppf(quantile) * spread
    upper = quantile > _HALF
    for i, metric in enumerate(found.measured.metrics):
        shares = shares_of(found.noisy, metric, by)
        if shares is not None:
            end = shares.end(min(quantile, 1 - quantile), upper=upper)
            # the projection may move the value out of its interval
            ends[:, i] = _beyond(end, values[:, i], quantile)
    return ends


def _gaps(found: UsableTables, kind: str, replicated: np.ndarray, quantile: float) -> np.ndarray:
    shown = wide(found, getattr(found, kind)(errors="coerce"))
    result = np.where(np.isnan(shown), np.nan, replicated)
    for i, metric in enumerate(found.measured.metrics):
        shares = shares_of(found.noisy, metric, found.noisy.roles.groups)
        if shares is not None:
            values = shown[:, i]
            ends = [_gap(part_of(shares, places), kind, quantile) for places in level_places(found)]
            result[:, i] = _beyond(np.array(ends), values, quantile)
    return result


def _gap(shares: Shares, kind: str, quantile: float) -> float:
    tail = min(quantile, 1 - quantile)
    return float(gap_end(shares, kind, tail, upper=quantile > _HALF))


def _beyond(ends: np.ndarray, values: np.ndarray, quantile: float) -> np.ndarray:
    if quantile == _HALF:
        return ends
    further = np.maximum if quantile > _HALF else np.minimum
    return np.asarray(further(ends, values))


def level_places(found: UsableTables) -> list[np.ndarray]:
    """Return the positions of the groups of each control level; of all groups without one."""
    control = list(found.noisy.roles.control)
    if not control:
        return [np.arange(len(found.usable))]
    levels = found.usable.index.to_frame(index=False)[control]
    numbers = levels.groupby(control, sort=True).ngroup().to_numpy()
    return [np.flatnonzero(numbers == number) for number in range(len(found.usable_overall))]
