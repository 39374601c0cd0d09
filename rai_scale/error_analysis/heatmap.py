"""``error_heatmap``: rows, errors and a metric for each cell of one or two features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.error_analysis.cell_metrics import check_metric_name, loss_of, metrics_by_group
from rai_scale.error_analysis.cohorts.condition_sql import Predicate
from rai_scale.error_analysis.cohorts.conditions import AllOf, to_text
from rai_scale.error_analysis.cohorts.one_cohort import Cohort, cohort, kept_rows
from rai_scale.error_analysis.heatmap_result import MOST_FEATURES, Heatmap
from rai_scale.error_analysis.private.declared_bins import DeclaredBins
from rai_scale.error_analysis.slices.items import Items, items_between, items_of_values
from rai_scale.error_analysis.trees.counting import CountedFrame, Roles
from rai_scale.error_analysis.trees.features import chosen_features
from rai_scale.error_analysis.trees.gradients import Sums
from rai_scale.error_analysis.trees.node_table import intervals
from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.names import Names, names_of
from rai_scale.statistics.quantiles import column_ranges, distribution

if TYPE_CHECKING:
    from rai_scale.privacy.options import Privacy

BINS = 8
BINNINGS = ("equal_width", "quantile")
Binning = str | Mapping[str, Sequence[float]]


def error_heatmap(
    frame: Any,
    *,
    y_true: str,
    y_pred: str,
    features: Names,
    categorical: Names = (),
    bins: int = BINS,
    binning: Binning = "equal_width",
    metric: str = "error_rate",
    where: str | Mapping[str, Any] | Cohort | None = None,
    confidence: float = 0.95,
    privacy: Privacy | None = None,
    declared: DeclaredBins | None = None,
) -> Heatmap:
    """Count rows and errors by the values of one or two features; executes.

    Missing values have cells of their own.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
    y_true, y_pred : str
        Labels and predictions.
    features : str or sequence of str
        One or two columns of numbers, text, or true and false.
    categorical : str or sequence of str
        Features of numbers that are categories; text always is. Other numbers with more than
        ``bins`` values are divided.
    bins : int
        Ranges of such a feature.
    binning : {"equal_width", "quantile"} or mapping of str to sequence of float
        Ranges of equal width between the lowest and the highest value, or of about equal numbers of
        rows (exact quantiles up to 100,000 values). Or the bounds of each feature: n bounds make
        n + 1 ranges, and a value equal to a bound belongs to the lower one.
    metric : str
        A name of ``error_analysis.METRICS``; with those of regression, ``errors`` are absolute or
        squared differences.
    where : cohort, str or mapping, optional
        Only these rows; see :func:`cohort`.
    confidence : float
        Of the intervals.
    privacy : Privacy, optional
        The private mode, with ``declared``: the heatmap of ``release_errors``, whose bins are the
        declared ones. ``metric``, ``where`` and the options of bins have no private form.
    declared : DeclaredBins, optional
        The bins of all features of the release.

    Returns
    -------
    Heatmap

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If an option is invalid, labels are missing or of two types, or a feature cannot be used.
    """
    check_metric_name(metric)
    if privacy is not None or declared is not None:
        from rai_scale.error_analysis.private.noisy_errors import released_for

        odd = {"metric": metric != "error_rate", "where": where is not None}
        odd |= {"categorical": bool(names_of(categorical)), "binning": binning != "equal_width"}
        released = released_for(
            frame, y_true, y_pred, privacy, declared, odd | {"bins": bins != BINS}
        )
        return released.heatmap(features, confidence=confidence)
    roles = Roles(y_true, y_pred, loss=loss_of(metric))
    kept = kept_rows(frame, where, (y_true, y_pred))
    names = chosen_features(engine_of(kept).schema(kept), names_of(features), roles.named)
    _check(names, bins, binning)
    counted = CountedFrame.of(kept, roles, names)
    whole = counted.at_nodes().whole()
    items = [_items(counted, name, names_of(categorical), bins, binning) for name in names]
    cells = _cells(items)
    sql = _cell_sql(items, Predicate(counted.dialect, counted.schema))
    table = _counted(counted, sql, cells, whole, confidence)
    if metric not in table:
        groups = {number: [number] for number in range(len(cells))}
        table[metric] = metrics_by_group(counted, sql, [metric], groups)[metric]
    texts = {
        name: [to_text(condition.parts[at]) for condition in cells] for at, name in enumerate(names)
    }
    made = pd.DataFrame(texts)
    return Heatmap(pd.concat([made, table], axis=1), list(cells), (y_true, y_pred), metric)


def _check(names: Sequence[str], bins: int, binning: Binning) -> None:
    if len(names) > MOST_FEATURES:
        raise ConfigError(f"a heatmap has one or two features; found {len(names)}.")
    if not isinstance(bins, int) or bins < 2:  # noqa: PLR2004
        raise ConfigError(f"bins must be an integer of at least 2; found {bins!r}.")
    if isinstance(binning, str) and binning not in BINNINGS:
        raise ConfigError(
            f"binning must be {', '.join(BINNINGS)} or a mapping; found {binning!r}."
            f"{did_you_mean(binning, BINNINGS)}"
        )
    for name, bounds in binning.items() if isinstance(binning, Mapping) else ():
        if name not in names:
            raise ConfigError(f"binning names {name!r}.{did_you_mean(name, names)}")
        if not all(a < b for a, b in pairwise(bounds)) or not len(bounds):
            raise ConfigError(f"the bounds of {name!r} in binning must increase.")


def _items(
    counted: CountedFrame, name: str, categorical: Sequence[str], bins: int, binning: Binning
) -> Items:
    if isinstance(binning, Mapping) and name in binning:
        edges = [float(edge) for edge in binning[name]]
        return items_between(name, edges, missing=_has_missing(counted, name))
    most = None if name in categorical else bins
    found = items_of_values(counted, name, most)
    if found is not None:
        return found
    if binning == "quantile":
        shape = distribution(counted.engine, counted.data, name)
        edges = np.unique(shape.percentile(np.arange(1, bins) * 100 / bins)).tolist()
        return items_between(name, edges, missing=shape.missing > 0)
    ends = column_ranges(counted.engine, counted.data, [name]).loc[name]
    edges = np.linspace(ends["low"], ends["high"], bins + 1)[1:-1].tolist()
    return items_between(name, edges, missing=bool(ends["missing"] > 0))


def _has_missing(counted: CountedFrame, name: str) -> bool:
    return cohort({"column": name, "missing": True}).count(counted.data) > 0


def _cells(items: Sequence[Items]) -> list[AllOf]:
    if len(items) == 1:
        return [AllOf((one,)) for one in items[0].conditions]
    return [AllOf((a, b)) for a in items[0].conditions for b in items[1].conditions]


def _cell_sql(items: Sequence[Items], predicate: Predicate) -> str:
    """Return the number of a row's cell as SQL."""
    widths = [math.prod(other.count for other in items[at + 1 :]) for at in range(len(items))]
    terms = []
    for own, width in zip(items, widths, strict=True):
        tests = (
            f"WHEN {predicate.sql(one)} THEN {predicate.dialect.integer(number * width)}"
            for number, one in enumerate(own.conditions)
        )
        terms.append(f"CASE {' '.join(tests)} END")
    return f"CAST({' + '.join(f'({term})' for term in terms)} AS BIGINT)"


def _counted(
    counted: CountedFrame, sql: str, cells: Sequence[AllOf], whole: Sums, confidence: float
) -> pd.DataFrame:
    numbers, found = counted.at_nodes(sql).by_node()
    columns = np.zeros((5, len(cells)))
    columns[:, numbers] = found.columns()
    sums = Sums.stack(columns)
    low, high = intervals(sums, counted.roles.loss, confidence)
    errors = sums.error if counted.roles.loss else sums.error.astype(np.int64)
    total = float(whole.error)
    share = sums.error / total if total else np.full(len(cells), np.nan)
    table = {
        "rows": sums.rows,
        "errors": errors,
        "error_rate": sums.mean(),
        "low": low,
        "high": high,
    }
    return pd.DataFrame({**table, "share_of_errors": share})
