"""Disparities by name, with the simultaneous bounds that gates use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.measures.flags import unknown_values
from rai_scale.measures.group_columns import column_of, group_label
from rai_scale.measures.long_table import check_metric, control_names
from rai_scale.measures.metrics import DISPARITIES, METRICS
from rai_scale.measures.uncertainty.bands import Band, difference_band, group_bands, ratio_band
from rai_scale.measures.uncertainty.bands_sizes import rate_sizes
from rai_scale.measures.uncertainty.replicates import layout_of

if TYPE_CHECKING:
    from rai_scale.measures.counted_frame import CountedMetricFrame

MADE_OF = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
}
COLUMNS = [
    *("disparity", "metrics", "value", "low", "high", "lowest_group", "highest_group", "unknown")
]
"""The columns of a table of disparities, after those of the control features."""
MOST_BANDED = 1_000
"""The most groups whose pairs get simultaneous bounds: time and memory grow with their square."""
KINDS = ("difference", "ratio", "group_min", "group_max")
BOUNDED = ("difference", "ratio")


def parts_of(name: str) -> tuple[tuple[str, ...], str]:
    """Return the metrics that a disparity is computed from, and its kind, one of ``KINDS``.

    Raises
    ------
    ConfigError
        If the name is neither ``<metric>_<kind>`` nor one of Fairlearn's disparities.
    """
    for kind in KINDS:
        base = name.removesuffix(f"_{kind}")
        if base == name:
            continue
        if base in MADE_OF and kind in BOUNDED:
            return MADE_OF[base], kind
        if base in METRICS:
            return (base,), kind
    raise ConfigError(
        f"unknown disparity {name!r}.{did_you_mean(name, DISPARITIES)} Write a metric and one of "
        f"{', '.join('_' + kind for kind in KINDS)}, such as selection_rate_ratio; or "
        "demographic_parity_difference, equal_opportunity_difference, equalized_odds_difference "
        "(or _ratio)."
    )


def disparity_table(
    mf: CountedMetricFrame,
    names: Sequence[str],
    *,
    confidence: float = 0.95,
    hidden: pd.Series | None = None,
) -> pd.DataFrame:
    """Return disparities by name, with bounds where the frame has replicates.

    The values are Fairlearn's, except that they are NaN if a group has rows but no value, such as
    the true positive rate of a group without positive labels (0.0 in Fairlearn), or if there are
    fewer than two groups to compare. The bounds come from simultaneous (max-T) bands over the same
    groups (:mod:`rai_scale.measures.uncertainty.bands`) and are valid, per disparity and control
    level, with probability ``confidence``; for equalized odds the bands of both rates are valid at
    once (Bonferroni).

    Parameters
    ----------
    mf : CountedMetricFrame
        With every metric that the disparities are computed from.
    names : list of str
    confidence : float
    hidden : pandas.Series, optional
        From :func:`rai_scale.fairness.assessment.suppressing.hidden_of`: those groups are left out.

    Returns
    -------
    pandas.DataFrame
        One row per control level and name: ``disparity``, ``metrics`` (text), ``value``, ``low``,
        ``high`` (NaN without replicates), ``lowest_group``, ``highest_group`` (of the metric that
        decides), ``unknown`` (text: why the value is not known; empty if it is known).
    """
    source = _GroupValues(mf, hidden)
    rows: list[dict[str, Any]] = []
    for level, chosen in source.strata():
        for name in names:
            metrics, kind = parts_of(name)
            alpha = (1 - confidence) / len(metrics)
            parts = [(source.band(m, kind, chosen, alpha), m) for m in metrics]
            band, metric = _worst(parts, kind)
            ends = source.ends(metric, chosen)
            why = "; ".join(
                filter(None, dict.fromkeys(source.why(m, kind, chosen) for m in metrics))
            )
            of = {"disparity": name, "metrics": ", ".join(metrics)}
            rows.append({**level, **of, **band, **ends, "unknown": why})
    return pd.DataFrame(rows, columns=[*control_names(mf), *COLUMNS])


def _worst(parts: list[tuple[Band, str]], kind: str) -> tuple[dict[str, float], str]:
    """Join the bands of several metrics as Fairlearn's ``worst_case`` joins their values."""
    bands = [band for band, _ in parts]
    if len(bands) == 1:
        band, metric = bands[0], parts[0][1]
    else:
        least = kind == "ratio"
        join = np.min if least else np.max
        values = [float(b.estimate) for b in bands]
        decides = 0 if np.isnan(values).all() else (np.nanargmin if least else np.nanargmax)(values)
        band = Band(*(join([getattr(b, end) for b in bands]) for end in Band._fields))
        metric = parts[int(decides)][1]
    low, high = (float(v) for v in (band.lower, band.upper))
    return {"value": float(band.estimate), "low": low, "high": high}, metric


class _GroupValues:
    """Values and replicates of a frame, by metric and control level."""

    def __init__(self, mf: CountedMetricFrame, hidden: pd.Series | None) -> None:
        self.mf, self.measured = mf, mf.measured
        self.values = pd.DataFrame(mf.by_group)
        self.values.columns = [m.name for m in self.measured.metrics]
        self.there = mf.counts.to_numpy() > 0
        self.unknown = unknown_values(
            self.measured.cells,
            self.measured.roles,
            self.measured.metrics,
            mf.counts,
            self.values,
        )
        if mf.replicates is not None and self.there.sum() > MOST_BANDED:
            raise ConfigError(
                f"bounds are for all pairs of groups at once, but {self.there.sum():,} groups are "
                f"more than the limit of {MOST_BANDED:,}. Pass bootstrap=None for values without "
                f"bounds, or merge rare values."
            )
        self.shown = np.ones(len(self.values), bool)
        if hidden is not None:
            self.shown = (hidden.reindex(self.values.index) == "").to_numpy()

    def strata(self) -> list[tuple[dict[str, Any], np.ndarray]]:
        """Return each control level with the positions of its groups."""
        control = list(self.measured.roles.control)
        if not control:
            return [({}, np.flatnonzero(self.shown))]
        levels = self.values.index.to_frame(index=False)[control]
        names = [column_of(name) for name in control]
        by: Any = control if len(control) > 1 else control[0]
        found: list[tuple[dict[str, Any], np.ndarray]] = []
        for key, places in levels.groupby(by).indices.items():
            part: np.ndarray = np.array(places)
            level = key if isinstance(key, tuple) else (key,)
            found.append((dict(zip(names, level, strict=True)), part[self.shown[part]]))
        return found

    def why(self, metric: str, kind: str, chosen: np.ndarray) -> str:
        """Return why the disparity of one metric over the groups at ``chosen`` is not known."""
        groups = int(self.there[chosen].sum())
        if kind in BOUNDED and groups < 2:  # noqa: PLR2004
            return f"{groups} group: nothing to compare" if groups else "no group"
        lacking = int(self.unknown[metric].to_numpy()[chosen].sum())
        of = "1 group" if groups == 1 else f"{groups:,} groups"
        return f"{metric} is not known for {lacking:,} of {of}" if lacking else ""

    def band(self, metric: str, kind: str, chosen: np.ndarray, alpha: float) -> Band:
        """Return the disparity of one metric over the groups at ``chosen``; NaN if not known."""
        check_metric(self.mf, metric)
        if self.why(metric, kind, chosen):
            return Band(*(np.array(np.nan) for _ in Band._fields))
        estimate = self.values[metric].to_numpy(float, na_value=np.nan)[chosen]
        low, high = (f.reduce(estimate, initial=np.nan) for f in (np.fmin, np.fmax))
        with np.errstate(divide="ignore", invalid="ignore"):
            points = {"difference": high - low, "ratio": np.float64(low) / high}
        point = {**points, "group_min": low, "group_max": high}[kind]
        replicates = self._replicates(metric, chosen)
        if replicates is None or np.isnan(point):
            return Band(point, np.array(np.nan), np.array(np.nan))
        sizes = self._sizes(metric, chosen)
        found = _bounds(kind, estimate, replicates, alpha, sizes)
        return Band(point, found.lower, found.upper)

    def ends(self, metric: str, chosen: np.ndarray) -> dict[str, str]:
        """Return the names of the groups with the smallest and the largest value."""
        known = chosen[~self.unknown[metric].to_numpy()[chosen]]
        part = self.values[metric].iloc[known].astype(float).dropna()
        if part.empty:
            return {"lowest_group": "", "highest_group": ""}
        drop = len(self.measured.roles.control)
        names = [
            group_label(tuple(k[drop:]) if isinstance(k, tuple) else k)
            for k in (part.idxmin(), part.idxmax())
        ]
        return {"lowest_group": names[0], "highest_group": names[1]}

    def _replicates(self, metric: str, chosen: np.ndarray) -> np.ndarray | None:
        found = self.mf.replicates
        if found is None:
            return None
        return found.by_group[:, chosen, found.metrics.index(metric)]

    def _sizes(self, name: str, chosen: np.ndarray) -> np.ndarray | None:
        measured = self.measured
        metric = next(m for m in measured.metrics if m.name == name)
        if metric not in measured.counted or measured.bounds is not None:
            return None
        roles, cells = measured.roles, measured.cells
        layout = layout_of(
            cells.keys, roles.sensitive, roles.control, y_true=roles.y_true, y_pred=roles.y_pred
        )
        weight = metric.weight
        sums = [] if weight is None else [cells.sums[weight], cells.sums[f"{weight}*{weight}"]]
        sizes = rate_sizes(metric.function, layout, cells.count, *sums)
        return None if sizes is None else sizes[chosen]


def _bounds(
    kind: str,
    estimate: np.ndarray,
    replicates: np.ndarray,
    alpha: float,
    sizes: np.ndarray | None,
) -> Band:
    if kind == "difference":
        return difference_band(estimate, replicates, alpha=alpha, sizes=sizes)
    if kind == "ratio":
        return ratio_band(estimate, replicates, alpha=alpha, sizes=sizes)
    band = group_bands(estimate, replicates, alpha=alpha, sizes=sizes)
    reduce = np.fmin.reduce if kind == "group_min" else np.fmax.reduce
    return Band(*(reduce(part) for part in band))
