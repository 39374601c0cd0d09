"""Groups compared with a reference group and with each other, and the four-fifths rule."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import fairlearn.metrics as fm
import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_share, did_you_mean
from rai_scale.measures.group_columns import group_label
from rai_scale.measures.long_table import (
    LOWER_IS_BETTER,
    control_names,
    group_names,
    long_table,
    strata,
)
from rai_scale.measures.metrics import Metric, base_function
from rai_scale.measures.uncertainty.proportions import (
    newcombe,
    proportion_counts,
    ratio_interval,
    z_test,
)
from rai_scale.statistics.multiple_tests import holm

if TYPE_CHECKING:
    from rai_scale.measures.counted_frame import CountedMetricFrame

Row = dict[Any, Any]
FOUR_FIFTHS = 0.8
"""US Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4(D)."""


def reference_table(
    mf: CountedMetricFrame, reference: Any = "largest", *, confidence: float = 0.95
) -> pd.DataFrame:
    """Compare each group with one reference group, within each control level.

    Parameters
    ----------
    mf : CountedMetricFrame
    reference : "largest", "best", or a group
        The group with the most rows, the one with the best value of each metric (the least for
        error rates and losses, else the greatest), or the levels of the sensitive features: a
        value, or a tuple of values for several features.
    confidence : float
        Confidence of each single interval.

    Returns
    -------
    pandas.DataFrame
        One row per metric and group other than the reference: the control levels, ``metric``,
        ``group``, ``reference``, ``value``, ``reference_value``, ``difference``, ``ratio``,
        ``rows``, ``reference_rows``; for shares of rows also ``low`` and ``high`` (Newcombe's
        interval of the difference), ``z`` and ``p_value`` of the pooled test, and ``p_holm``,
        adjusted for all rows of the table; ``flags`` of both groups.

    Raises
    ------
    ConfigError
        If the reference is not a group.
    """
    check_share("confidence", confidence)
    name = _reference_name(mf, reference)
    pairs = []
    for _, part in strata(long_table(mf), control_names(mf)):
        rows = _records(part)
        chosen = _reference_of(rows, name, _metric(mf, rows[0]["metric"]))
        if chosen is not None:
            pairs += [(row, chosen) for row in rows if row["group"] != chosen["group"]]
    return _compared(mf, pairs, confidence, ("group", "reference"))


def pairwise_table(mf: CountedMetricFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare all groups with each other, within each control level.

    Parameters
    ----------
    mf : CountedMetricFrame
        From :func:`rai_scale.metric_frame`.
    confidence : float
        Confidence of each single interval.

    Returns
    -------
    pandas.DataFrame
        One row per metric and pair, with the columns of :func:`reference_table` but
        ``group_a`` and ``group_b``. ``p_holm`` is adjusted for all pairs and metrics.
    """
    pairs: list[tuple[Row, Row]] = []
    for _, part in strata(long_table(mf), control_names(mf)):
        pairs += combinations([row for row in _records(part) if row["rows"]], 2)
    return _compared(mf, pairs, confidence, ("group_a", "group_b"))


def four_fifths(
    mf: CountedMetricFrame, *, confidence: float = 0.95, min_rows: int = 0
) -> pd.DataFrame:
    """Compare each group's selection rate with the highest rate: the four-fifths rule.

    A ratio below 0.8 counts as evidence of adverse impact (29 CFR 1607.4(D)). The rule does not
    account for chance, so the table also has an interval and a test of each ratio.

    Parameters
    ----------
    mf : CountedMetricFrame
    confidence : float
        Confidence of each single interval.
    min_rows : int
        A group with fewer rows is compared, but is not the reference (unless all groups are
        smaller).

    Returns
    -------
    pandas.DataFrame
        One row per group and control level: ``group``, ``rows``, ``selected``,
        ``selection_rate``, ``reference`` (the highest group), ``ratio``, ``low`` and ``high``
        (Katz' interval of the ratio), ``z`` and ``p_value`` (pooled two-proportion test),
        ``below`` (bool) and ``flags``. Rows are counted without weights.
    """
    measured = mf.measured
    if measured.roles.y_pred not in measured.cells.keys:
        raise ConfigError(
            "four_fifths needs predicted labels that were counted, not averages of scores."
        )
    rates, control = _selection_rates(mf), control_names(mf)
    table = []
    for _, part in rates.groupby(control or (lambda _: 0), sort=False):
        if part["trials"].sum() == 0:
            continue
        large = part[part["rows"] >= min_rows]
        best = part.loc[(part if large.empty else large)["value"].idxmax()]
        versus = (part["successes"], part["trials"], best["successes"], best["trials"])
        low, high = ratio_interval(*versus, confidence)
        z, p = z_test(*versus)
        is_best = (part["group"] == best["group"]).to_numpy()
        ratio = part["value"] / best["value"] if best["value"] > 0 else part["value"] * np.nan
        own = {"reference": best["group"], "ratio": ratio}
        own |= {"low": np.where(is_best, np.nan, low), "high": np.where(is_best, np.nan, high)}
        own |= {"z": np.where(is_best, np.nan, z), "p_value": np.where(is_best, np.nan, p)}
        table.append(part.assign(**own, below=ratio < FOUR_FIFTHS))
    names = {"successes": "selected", "value": "selection_rate"}
    found = pd.concat(table, ignore_index=True).rename(columns=names)
    found["selected"] = found["selected"].astype("int64")
    order = ["group", "rows", "selected", "selection_rate", "reference", "ratio", "low", "high"]
    return found[[*control, *order, "z", "p_value", "below", "flags"]]


def _selection_rates(mf: CountedMetricFrame) -> pd.DataFrame:
    """Count the selected rows of all groups with rows, even if the rate was not requested."""
    roles, cells = mf.measured.roles, mf.measured.cells
    metric = Metric("selection_rate", fm.selection_rate)
    counts = proportion_counts(cells, roles, [metric], roles.groups)
    names = group_names(mf)
    rows = long_table(mf).drop_duplicates(names)[[*names, "group", "rows", "flags"]]
    found = rows.merge(counts.rename_axis([*names, "metric"]).reset_index(), on=names)
    found["value"] = found["successes"] / found["trials"]
    return found


def _compared(
    mf: CountedMetricFrame,
    pairs: list[tuple[Row, Row]],
    confidence: float,
    names: tuple[str, str],
) -> pd.DataFrame:
    control = control_names(mf)
    one, other = (pd.DataFrame([pair[i] for pair in pairs], columns=_columns(mf)) for i in (0, 1))
    versus = (one["successes"], one["trials"], other["successes"], other["trials"])
    low, high = newcombe(*versus, confidence)
    z, p = z_test(*versus)
    value, against = one["value"].to_numpy(float), other["value"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = value / against
    second = ("reference_value", "reference_rows")
    if names[1] != "reference":
        second = ("value_b", "rows_b")
    table = one[[*control, "metric"]].assign(**{names[0]: one["group"], names[1]: other["group"]})
    return table.assign(
        value=value,
        **{second[0]: against},
        difference=value - against,
        ratio=np.where(np.isfinite(ratio), ratio, np.nan),
        low=low,
        high=high,
        z=z,
        p_value=p,
        p_holm=holm(p),
        rows=one["rows"].astype("int64"),
        **{second[1]: other["rows"].astype("int64")},
        flags=[_both(a, b) for a, b in zip(one["flags"], other["flags"], strict=True)],
    )


def _columns(mf: CountedMetricFrame) -> list[str]:
    own = ["group", "metric", "value", "rows", "successes", "trials", "flags"]
    return [*group_names(mf), *own]


def _both(one: str, other: str) -> str:
    return "; ".join([one] * bool(one) + [f"reference: {other}"] * bool(other))


def _records(part: pd.DataFrame) -> list[Row]:
    return part.to_dict("records")


def _metric(mf: CountedMetricFrame, name: str) -> Metric:
    return next(metric for metric in mf.measured.metrics if metric.name == name)


def _reference_name(mf: CountedMetricFrame, reference: Any) -> str:
    name = group_label(reference)
    groups = sorted(set(long_table(mf)["group"]))
    if name not in (*groups, "largest", "best"):
        raise ConfigError(
            f"{name!r} is not a group.{did_you_mean(name, ['largest', 'best'])} Give 'largest', "
            f"'best' or one of the {len(groups)} groups in the column 'group'."
        )
    return name


def _reference_of(rows: list[Row], name: str, metric: Metric) -> Row | None:
    """Return the reference of one metric and control level; None if it has no rows there."""
    known = [row for row in rows if row["rows"] and not np.isnan(row["value"])]
    if not known:
        return None
    if name == "largest":
        return max(known, key=lambda row: row["rows"])
    if name == "best":
        least = base_function(metric.function) in LOWER_IS_BETTER
        return (min if least else max)(known, key=lambda row: row["value"])
    return next((row for row in known if row["group"] == name), None)
