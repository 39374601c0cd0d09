"""``compare_cohorts``: metrics, distributions, quantiles and importances of cohorts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.error_analysis.cell_metrics import Resampled, check_metric_name
from rai_scale.error_analysis.cohorts.conditions import columns_of, to_text
from rai_scale.error_analysis.cohorts.one_cohort import Cohort, cohort
from rai_scale.error_analysis.column_kinds import NUMBERS, double_sql, kind_of
from rai_scale.error_analysis.slices.items import item_frame
from rai_scale.error_analysis.trees.counting import CountedFrame, Roles
from rai_scale.error_analysis.trees.features import chosen_features
from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.names import Names, names_of
from rai_scale.results import Result
from rai_scale.statistics.distances import jensen_shannon, population_stability
from rai_scale.statistics.quantiles import distribution

PERCENTS = (5, 25, 50, 75, 95)


@dataclass(frozen=True, repr=False)
class CohortComparison(Result):
    """Cohorts side by side; made by :func:`compare_cohorts`.

    Attributes
    ----------
    values : pandas.DataFrame
        ``cohort``, ``metric``, ``rows``, ``value``, ``difference`` (from the first cohort) and its
        interval ``low``, ``high`` (NaN where the cohorts have common rows).
    distributions : pandas.DataFrame
        ``feature``, ``item`` (a value or range, as text), ``cohort``, ``rows`` and ``share``.
    distances : pandas.DataFrame
        ``feature``, ``cohort``, ``psi`` and ``jensen_shannon`` (in nats), from the first cohort.
    quantiles : pandas.DataFrame
        ``feature``, ``cohort``, ``missing`` (rows) and the percentiles 5, 25, 50, 75 and 95.
    importances : pandas.DataFrame
        ``cohort``, ``rank``, ``feature`` and ``mean_abs``; empty without explanations.
    notes : tuple of str
        For the reader.
    """

    values: pd.DataFrame
    distributions: pd.DataFrame
    distances: pd.DataFrame
    quantiles: pd.DataFrame
    importances: pd.DataFrame
    notes: tuple[str, ...] = ()

    def totals(self) -> Mapping[str, Any]:
        """Return the number of cohorts and of features."""
        cohorts = self.values["cohort"].nunique()
        return {"cohorts": cohorts, "features": self.distributions["feature"].nunique()}

    def _tables(self) -> Any:
        names = ("values", "distributions", "distances", "quantiles", "importances")
        return {name: partial(getattr, self, name) for name in names}

    def _numbers(self) -> Mapping[str, float]:
        rows = self.values[["cohort", "metric", "value"]].itertuples(index=False, name=None)
        return {f"{metric} ({name})": float(value) for name, metric, value in rows}

    def _remarks(self) -> Sequence[str]:
        return self.notes


def compare_cohorts(
    frame: Any,
    cohorts: Mapping[str, Any] | Iterable[Cohort],
    *,
    y_true: str,
    y_pred: str,
    metrics: Names = ("error_rate",),
    features: Names | None = None,
    categorical: Names = (),
    bins: int = 10,
    shap_prefix: str | None = None,
    top: int = 10,
    confidence: float = 0.95,
    n_boot: int = 200,
    random_state: int = 0,
) -> CohortComparison:
    """Compare cohorts with the first of them; executes.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
    cohorts : mapping of str to cohort, or iterable of Cohort
        At least two; see :func:`cohort`. The first is the reference.
    y_true, y_pred : str
        Labels and predictions.
    metrics : str or sequence of str
        Names of ``error_analysis.METRICS``.
    features : str or sequence of str, optional
        Whose distributions are compared; by default all other columns but explanations.
    categorical : str or sequence of str
        Features of numbers that are categories; text always is.
    bins : int
        Ranges of numbers, at quantiles of all rows.
    shap_prefix : str, optional
        Start of the columns of explanations (``shap_``), whose mean sizes are ranked per cohort.
    top : int
        The features that are ranked.
    confidence : float
        Of the intervals of differences: Newcombe's for shares, else a bootstrap's.
    n_boot, random_state : int
        Replicates of that bootstrap (multinomial draws of the cells), and its seed.

    Returns
    -------
    CohortComparison

    Raises
    ------
    ConfigError
        If there are fewer than two cohorts, or one of them has no rows.
    """
    named = _named(cohorts, y_true, y_pred)
    asked = names_of(metrics)
    for metric in asked:
        check_metric_name(metric)
    schema = engine_of(frame).schema(frame)
    shaps = [n for n in schema.names if shap_prefix and n.startswith(shap_prefix)]
    names = chosen_features(
        schema, features, [y_true, y_pred, *(shaps if features is None else ())]
    )
    used = [name for one in named.values() for name in columns_of(one.condition)]
    counted = CountedFrame.of(frame, Roles(y_true, y_pred), [*names, *shaps, *used])
    counted.roles.sql(counted.dialect, counted.schema)  # refuses labels of two types
    parts = {name: _part(counted, name, one) for name, one in named.items()}
    together = _common_rows(counted, named)
    options = {"n_boot": n_boot, "seed": random_state, "confidence": confidence}
    table = _metrics(parts, asked, together, options)
    items = item_frame(counted, names, names_of(categorical), bins)
    shares, distances = _distributions(items, named)
    notes = [f"{name!r} has rows of the first cohort." for name in together]
    return CohortComparison(
        table,
        shares,
        distances,
        _quantiles(parts, names),
        _importances(parts, shaps, shap_prefix or "", top),
        tuple(notes),
    )


def _named(cohorts: Any, y_true: str, y_pred: str) -> dict[str, Cohort]:
    labels = {"y_true": y_true, "y_pred": y_pred}
    if isinstance(cohorts, Mapping):
        made = {str(name): cohort(one, name=str(name), **labels) for name, one in cohorts.items()}
    else:
        listed = [cohort(one, **labels) for one in cohorts]
        made = {one.called: one for one in listed}
        if len(made) < len(listed):
            raise ConfigError("two cohorts have the same name. Pass a mapping of names to cohorts.")
    if len(made) < 2:  # noqa: PLR2004
        raise ConfigError(f"compare at least two cohorts; found {len(made)}.")
    return {n: Cohort(o.condition, n, o.labels or (y_true, y_pred)) for n, o in made.items()}


def _part(counted: CountedFrame, name: str, one: Cohort) -> CountedFrame:
    part = CountedFrame(counted.engine, one.filter(counted.data), counted.roles)
    if not one.count(counted.data):
        raise ConfigError(f"the cohort {name!r} has no rows.")
    return part


def _common_rows(counted: CountedFrame, named: Mapping[str, Cohort]) -> list[str]:
    first, *others = named.values()
    return [one.name for one in others if (first & one).count(counted.data)]


def _metrics(
    parts: Mapping[str, CountedFrame],
    metrics: Sequence[str],
    together: Sequence[str],
    options: Mapping[str, Any],
) -> pd.DataFrame:
    made = {
        name: Resampled.of(part, metrics, options["n_boot"], options["seed"] + at)
        for at, (name, part) in enumerate(parts.items())
    }
    first, rows = next(iter(made.values())), []
    for name, own in made.items():
        for metric in metrics:
            low, high = own.difference(first, metric, options["confidence"])
            apart = own is not first and name not in together
            rows.append(
                {
                    "cohort": name,
                    "metric": metric,
                    "rows": own.rows,
                    "value": own.values[metric],
                    "difference": own.values[metric] - first.values[metric],
                    "low": low if apart else np.nan,
                    "high": high if apart else np.nan,
                }
            )
    return pd.DataFrame(rows)


def _distributions(items: Any, named: Mapping[str, Cohort]) -> tuple[pd.DataFrame, pd.DataFrame]:
    counted, rows, distances = items.counted, [], []
    shares: dict[tuple[str, str], np.ndarray] = {}
    for name, one in named.items():
        sql = one.sql(counted.schema, counted.engine.dialect)
        inside = items.where(sql)
        for at, own in enumerate(items.items):
            codes, count, _ = inside.counts([at])
            full = np.bincount(codes[:, 0], count, own.count)
            share = shares[own.feature, name] = full / full.sum()
            texts = [to_text(condition) for condition in own.conditions]
            for text, n, part in zip(texts, full, share, strict=True):
                rows.append((own.feature, text, name, int(n), float(part)))
    first, *others = named
    for own in items.items:
        for name in others:
            pair = (shares[own.feature, first], shares[own.feature, name])
            distances.append(
                (own.feature, name, population_stability(*pair), jensen_shannon(*pair))
            )
    columns = ["feature", "item", "cohort", "rows", "share"]
    return (
        pd.DataFrame(rows, columns=columns),
        pd.DataFrame(distances, columns=["feature", "cohort", "psi", "jensen_shannon"]),
    )


def _quantiles(parts: Mapping[str, CountedFrame], names: Sequence[str]) -> pd.DataFrame:
    rows = []
    for name, part in parts.items():
        for feature in names:
            if kind_of(part.schema, feature) not in NUMBERS:
                continue
            try:
                shape = distribution(part.engine, part.data, feature)
            except (ConfigError, TooManyGroupsError):  # infinite values, or none at all
                rows.append((feature, name, None, *[np.nan] * len(PERCENTS)))
                continue
            rows.append((feature, name, shape.missing, *shape.percentile(PERCENTS)))
    columns = ["feature", "cohort", "missing", *(f"p{percent}" for percent in PERCENTS)]
    return pd.DataFrame(rows, columns=columns).astype({"missing": "Int64"})


def _importances(
    parts: Mapping[str, CountedFrame], shaps: Sequence[str], prefix: str, top: int
) -> pd.DataFrame:
    rows = []
    for name, part in parts.items() if shaps else ():
        sizes = {
            f"_rai_size{at}": f"abs({double_sql(part.dialect, part.schema, shap)})"
            for at, shap in enumerate(shaps)
        }
        kinds = pa.schema([(column, pa.float64()) for column in sizes])
        data = part.engine.with_expressions(part.data, sizes, kinds)
        sums = part.engine.group_counts(data, [], list(sizes))
        count = sums["count"][0].as_py()
        means = [sums[f"sum_{column}"][0].as_py() / count for column in sizes]
        order = np.argsort(-np.array(means), kind="stable")[:top]
        for rank, at in enumerate(order, 1):
            rows.append((name, rank, shaps[at].removeprefix(prefix), means[at]))
    return pd.DataFrame(rows, columns=["cohort", "rank", "feature", "mean_abs"])
