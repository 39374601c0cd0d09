"""A private MetricFrame: every number computed from one release of noisy cells.

Whatever is computed from a release costs nothing more (post-processing). Noisy counts of a group
are projected onto counts of zero or more with the same total (the nearest in L2), because metrics
need weights that are not negative. Intervals hold both the sampling of rows and the noise: the
released cells are drawn anew (multinomial), noise of the release's scale is added, projected, and
the metric computed. The spread of these replicates gives a normal interval around the value, and
for proportions Wilson's (1927) with the number of rows that would have this spread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import sklearn.metrics as skm
from fairlearn.metrics._disaggregated_result import DisaggregatedResult
from scipy.stats import norm

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.fairness.from_cells import Roles, disaggregate
from rai_scale.fairness.intervals import Bootstrap
from rai_scale.fairness.measure import Measured
from rai_scale.fairness.metric_frame import CountedMetricFrame
from rai_scale.fairness.metrics import Metric, base_function
from rai_scale.fairness.private_cells import (
    NOISY,
    Declared,
    Private,
    declare,
    noise_for,
    release_cells,
)
from rai_scale.fairness.private_draws import (
    declared_index,
    group_numbers,
    noisy_draws,
    project,
    usable_values,
    wilson_end,
)
from rai_scale.fairness.uncertainty.replicates import Replicates, layout_of, replicate_metrics
from rai_scale.privacy.noise import Noise
from rai_scale.statistics.cells import Cells

REPLICATES = 1_000
PROPORTIONS = (
    *(fm.true_positive_rate, fm.true_negative_rate, fm.false_positive_rate),
    *(fm.false_negative_rate, fm.selection_rate, skm.accuracy_score, skm.zero_one_loss),
    *(skm.precision_score, skm.recall_score, skm.f1_score, skm.balanced_accuracy_score),
)


class PrivateMetricFrame(CountedMetricFrame):
    """A :class:`CountedMetricFrame` of noisy counts.

    Attributes
    ----------
    usable : pandas.DataFrame of bool
        Per group and metric, whether the rows behind a value are many against the noise. Where
        not, the interval is missing and ``flags`` says so; the value is mostly noise.
    release : dict
        ``epsilon``, ``delta``, ``noise`` and ``scale`` of each noisy count.
    """

    def __init__(self, measured: Measured, *, single: bool, usable: pd.DataFrame, release: dict):
        super().__init__(measured, single=single)
        self.usable, self.release = usable, release
        self.flags = pd.concat([self.flags, self._noise_flags()], ignore_index=True)

    def _noise_flags(self) -> pd.DataFrame:
        text = "mostly noise: too few rows for this epsilon"
        rows = [
            {**dict(zip(self.usable.index.names, _levels(group), strict=True)),
             "metric": name, "flag": text, "rows": int(self.counts.loc[group])}
            for name in self.usable
            for group in self.usable.index[~self.usable[name]]
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=self.flags.columns)

    def add_intervals(self, replicates: Replicates, quantiles: Sequence[float]) -> None:
        """Fill every ``*_ci``; those by group and overall are normal intervals around the value."""
        self.add_replicates(replicates, Bootstrap(len(replicates.by_group), list(quantiles)))
        by_group = pd.DataFrame(self.by_group)
        spread = np.nanstd(replicates.by_group, axis=0)
        spread = np.where(self.usable.to_numpy(), spread, np.nan)
        overall = np.nanstd(replicates.overall, axis=0)
        tables: dict[str, list] = {"by_group_ci": [], "overall_ci": []}
        for quantile in quantiles:
            z = norm.ppf(quantile)
            ends = by_group.astype(float) + z * spread
            for i, metric in enumerate(self._measured.metrics):
                if base_function(metric.function) in PROPORTIONS:
                    middle = np.nanmean(replicates.by_group[..., i], axis=0)
                    value = by_group.iloc[:, i].to_numpy(float)
                    ends.iloc[:, i] = wilson_end(value, middle, spread[:, i], z)
            tables["by_group_ci"].append(ends.iloc[:, 0] if self._user_supplied_callable else ends)
            tables["overall_ci"].append(self._shifted(self.overall, z * overall))
        self._result_cache.update(tables)

    @staticmethod
    def _shifted(value: Any, by: np.ndarray) -> Any:
        if isinstance(value, pd.Series | pd.DataFrame):
            return value.astype(float) + (by.reshape(value.shape) if by.size == value.size else by)
        return float(value) + float(np.ravel(by)[0])


def private_options(options: Mapping[str, Any]) -> Private:
    """Return the options of a private measure.

    Raises
    ------
    ConfigError
        If one is missing or unknown.
    """
    known = {option.name: option for option in fields(Private)}
    for name in options:
        if name not in known:
            raise ConfigError(f"metric_frame has no option {name!r}.{did_you_mean(name, known)}")
    missing = [
        name for name in ("privacy_unit", "epsilon", "groups", "ledger") if name not in options
    ]
    if missing:
        raise ConfigError(
            f"a private metric_frame needs {', '.join(missing)} as well (ledger='none' if no "
            "budget is kept)."
        )
    return Private(**options)


def private_metric_frame(
    frame: Any,
    roles: Roles,
    metrics: list[Metric],
    asked: Private,
    *,
    single: bool,
    quantiles: Sequence[float] | None = None,
    n_boot: int | None = None,
    random_state: Any = None,
) -> PrivateMetricFrame:
    """Release noisy cells and compute on them; see :func:`rai_scale.metric_frame`."""
    engine = engine_of(frame)
    check_columns([asked.privacy_unit], engine.columns(frame))
    _refuse(metrics, roles, asked)
    values = {**asked.groups, roles.y_true: asked.labels, roles.y_pred: asked.labels}
    declared = declare(roles.keys([]), values)
    noise, _ = noise_for(asked)
    release = release_cells(engine, frame, declared, asked)
    noisy = release.table()[NOISY].to_numpy()
    found = frame_of_noisy(noisy, declared, roles, metrics, noise, single=single)
    found.release = dict(release.metadata)
    draws = noisy_draws(
        found.cells,
        declared,
        roles,
        noise,
        n_boot=n_boot or REPLICATES,
        random_state=random_state,
    )
    layout = layout_of(
        declared.frame, roles.sensitive, roles.control, y_true=roles.y_true, y_pred=roles.y_pred
    )
    replicates = replicate_metrics(draws, {m.name: m.function for m in metrics}, layout)
    found.add_intervals(replicates, quantiles or [0.025, 0.975])
    return found


def _refuse(metrics: Sequence[Metric], roles: Roles, asked: Private) -> None:
    odd = [m.name for m in metrics if not m.takes_weight or m.weight or m.params]
    if odd:
        raise ConfigError(
            f"{odd[0]!r} cannot be computed privately: only metrics of counts, without weights or "
            "other sample parameters."
        )
    if asked.privacy_unit in roles.groups:
        raise ConfigError("the privacy unit cannot be a group.")


def frame_of_noisy(
    noisy: np.ndarray,
    declared: Declared,
    roles: Roles,
    metrics: list[Metric],
    noise: Noise,
    *,
    single: bool,
) -> PrivateMetricFrame:
    """Compute a frame from noisy counts of the declared cells, without intervals."""
    groups = group_numbers(declared, roles)
    counts = np.rint(project(noisy[None, :].astype(float), groups)[0]).astype(np.int64)
    cells = Cells(declared.frame, counts)
    seen = cells.select(counts > 0)
    if not seen.rows:
        raise ConfigError(
            "the noise leaves no rows at all: the budget is too small for this table."
        )
    found = disaggregate(seen, roles, metrics)
    index = declared_index(declared, roles.groups)
    result = DisaggregatedResult(
        _whole(found.overall, declared, roles), found.by_group.reindex(index)
    )
    measured = Measured(result, cells, roles, metrics, metrics)
    usable = usable_values(cells, roles, metrics, noise, index)
    return PrivateMetricFrame(measured, single=single, usable=usable, release={})


def _whole(overall: Any, declared: Declared, roles: Roles) -> Any:
    return (
        overall.reindex(declared_index(declared, list(roles.control))) if roles.control else overall
    )


def _levels(group: Any) -> tuple[Any, ...]:
    return group if isinstance(group, tuple) else (group,)
