"""A private MetricFrame: every number is computed from one release of noisy cells.

Computing from a release costs nothing more (post-processing). Noisy counts of a group are projected
onto counts of zero or more with the same total (the nearest in L2), because metrics need weights
that are not negative; overall values come from the noisy sums over all groups, so that groups
without rows do not change them. Values that are mostly noise are omitted (NaN).

Intervals of shares of rows, and of their differences and ratios between groups, include noise and
the sampling of people: see :mod:`~rai_scale.fairness.private.shares` and ``gaps``. Other metrics,
and comparisons with overall, have replicates: cells are drawn from the released ones (multinomial),
noise of the release's scale is added, they are projected, and the metric is computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.fairness.private.draws import declared_index, group_numbers, noisy_draws
from rai_scale.fairness.private.intervals import fill_intervals
from rai_scale.fairness.private.shares import NoisyCounts, usable_by
from rai_scale.fairness.private.values import UsableTables, mask_gaps, usable_groups
from rai_scale.measures.between_groups import disparity_values
from rai_scale.measures.from_cells import disaggregate
from rai_scale.measures.measure import Measured
from rai_scale.measures.metrics import Metric, Metrics
from rai_scale.measures.uncertainty.replicates import Replicates, layout_of, replicate_metrics
from rai_scale.privacy.declared_cells import project
from rai_scale.statistics.cells import Cells
from rai_scale.upstream.fairlearn import DisaggregatedResult

MOSTLY_NOISE = "mostly noise: too few rows for this budget, omitted"


class PrivateMetricFrame(UsableTables):
    """A :class:`CountedMetricFrame` of noisy counts.

    Attributes
    ----------
    usable : pandas.DataFrame of bool
        Per group and metric, whether the noisy rows behind a value are at least 30 ``max_rows``
        and 10 standard deviations of their noise. Otherwise the value and its interval are NaN, and
        ``flags`` has the reason; differences and ratios are those of the usable groups.
    usable_overall : pandas.DataFrame of bool
        The same for overall values: one row per control level, or one row.
    release : dict
        ``epsilon``, ``delta``, ``rho``, ``max_rows``, and ``noise`` and ``scale`` of each noisy
        count.
    noisy : NoisyCounts
        The release itself, before it was projected.
    """

    def __init__(
        self,
        measured: Measured,
        *,
        single: bool,
        noisy: NoisyCounts,
        usable: pd.DataFrame,
        usable_overall: pd.DataFrame,
        release: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(measured, single=single)
        self.usable, self.usable_overall = usable, usable_overall
        self.noisy, self.release = noisy, dict(release or {})
        mask_gaps(self)
        # find_flags' other remarks are about counts of 0, which are noise here
        small = self.flags[self.flags["flag"].astype(str).str.startswith("small group")]
        self.flags = pd.concat([small, self._noise_flags()], ignore_index=True)

    def _noise_flags(self) -> pd.DataFrame:
        names = self.flags.columns[: -len(("metric", "flag", "rows"))]
        rows = [
            {**dict(zip(names, _levels(group), strict=True)),
             "metric": name, "flag": MOSTLY_NOISE, "rows": int(self.counts.loc[group])}
            for name in self.usable
            for group in self.usable.index[~self.usable[name]]
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=self.flags.columns)

    def add_intervals(self, replicates: Replicates, quantiles: Sequence[float]) -> None:
        """Fill every ``*_ci``; NaN where a value is not usable."""
        fill_intervals(self, replicates, quantiles)

    def disparities(
        self, metrics: Metrics, *, method: str = "between_groups", **options: Any
    ) -> Any:
        """Return Fairlearn's single numbers over the usable groups; NaN if fewer than two are."""
        measured = self.measured
        keep = usable_groups(self, metrics)
        if not keep.any():
            single = isinstance(metrics, str) or callable(metrics)
            return np.nan if single else pd.Series(np.nan, index=list(metrics))  # type: ignore[arg-type]
        numbers = group_numbers(self.noisy.declared, measured.roles)
        cells = measured.cells.select(keep[numbers] & (measured.cells.count > 0))
        found = disparity_values(
            cells,
            measured.roles,
            metrics,
            None,
            method=method,
            options=options,
            labels=self.noisy.declared.frame,
        )
        if measured.roles.control:
            return found.reindex(self.usable_overall.index)
        return found


def replicates_of(found: PrivateMetricFrame, n_boot: int, random_state: Any) -> Replicates:
    """Return replicates of a frame; see :func:`noisy_draws`."""
    noisy, roles = found.noisy, found.noisy.roles
    draws = noisy_draws(
        found.cells,
        noisy.declared,
        roles,
        noisy.noise,
        max_rows=noisy.max_rows,
        n_boot=n_boot,
        random_state=random_state,
    )
    keys = noisy.declared.frame
    layout = layout_of(
        keys, roles.sensitive, roles.control, y_true=roles.y_true, y_pred=roles.y_pred
    )
    return replicate_metrics(draws, {m.name: m.function for m in found.measured.metrics}, layout)


def frame_of_noisy(
    noisy: NoisyCounts, metrics: list[Metric], *, single: bool
) -> PrivateMetricFrame:
    """Compute a frame from the noisy counts of one release, without intervals."""
    declared, roles = noisy.declared, noisy.roles
    index = declared_index(declared, roles.groups)
    names = [metric.name for metric in metrics]
    enough, whole = (
        np.column_stack([usable_by(noisy, metric, by)[0] for metric in metrics])
        for by in (roles.groups, roles.control)
    )
    usable = pd.DataFrame(enough, index=index, columns=names)
    levels = declared_index(declared, roles.control) if roles.control else pd.RangeIndex(1)
    usable_overall = pd.DataFrame(whole, index=levels, columns=names)
    counts = _counts(noisy.values, group_numbers(declared, roles))
    cells = Cells(declared.frame, counts)
    by_group = disaggregate(_some(cells), roles, metrics).by_group.reindex(index).where(usable)
    overall = _overall(noisy, metrics)
    if roles.control:
        overall = overall.reindex(levels).where(usable_overall)
    else:
        overall = overall.where(usable_overall.iloc[0])
    measured = Measured(DisaggregatedResult(overall, by_group), cells, roles, metrics, metrics)
    return PrivateMetricFrame(
        measured, single=single, noisy=noisy, usable=usable, usable_overall=usable_overall
    )


def _counts(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    counts: np.ndarray = np.rint(project(values[None, :], groups)[0])
    return counts.astype(np.int64)


def _some(cells: Cells) -> Cells:
    """Return the cells with rows; if noise leaves none, all cells: then nothing is usable."""
    if cells.rows:
        return cells.select(cells.count > 0)
    return Cells(cells.keys, np.ones_like(cells.count))


def _overall(noisy: NoisyCounts, metrics: list[Metric]) -> Any:
    """Compute overall values from the sums over all sensitive features."""
    declared, roles = noisy.declared, noisy.roles
    kept = [name for name in declared.keys if name not in roles.sensitive]
    sums, _ = noisy.sums(np.ones(declared.size), kept)
    frame = declared.frame[kept].drop_duplicates().sort_values(kept).reset_index(drop=True)
    if roles.control:
        levels = frame.groupby(list(roles.control), sort=True).ngroup().to_numpy()
    else:
        levels = np.zeros(len(frame), np.int64)
    keys = frame.assign(**dict.fromkeys(roles.sensitive, 0))
    return disaggregate(_some(Cells(keys, _counts(sums, levels))), roles, metrics).overall


def _levels(group: Any) -> tuple[Any, ...]:
    return group if isinstance(group, tuple) else (group,)
