"""What has changed between two runs, or from one time window to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, not_read
from rai_scale.fairness.frame import metric_frame
from rai_scale.measures.counted_frame import CountedMetricFrame
from rai_scale.measures.group_columns import column_of, group_label
from rai_scale.measures.long_table import control_names, group_names, long_table
from rai_scale.measures.uncertainty.proportions import newcombe, z_test
from rai_scale.names import names_of
from rai_scale.results import Result
from rai_scale.statistics.multiple_tests import holm

Run = CountedMetricFrame | Result | Mapping[str, Any] | str | Path

_KEPT = ["value", "rows", "successes", "trials"]


def drift(previous: Run, current: Run, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare two runs over the same groups, metric by metric.

    Parameters
    ----------
    previous, current : CountedMetricFrame, FairnessResult, dict, or path of a ``fairness.json``
        The runs must have the same control and sensitive features. Their rows are assumed to be
        independent: if both have the same people, the test is conservative.
    confidence : float
        Confidence of each single interval.

    Returns
    -------
    pandas.DataFrame
        One row per control level, ``group`` and ``metric`` that is in one of the runs:
        ``previous``, ``current``, ``change``, ``previous_rows``, ``current_rows``; for shares of
        rows ``low`` and ``high`` (Newcombe's interval of the change), ``z``, ``p_value`` and
        ``p_holm`` (over all rows of the table); ``status``: ``compared``, ``new group``, ``gone``
        or ``not known`` (a value has no denominator in one of the runs).

    Raises
    ------
    ConfigError
        If a file is not an earlier run, or the features or the positive labels differ.
    """
    before, now = _run(previous), _run(current)
    if None not in (before.pos_label, now.pos_label) and before.pos_label != now.pos_label:
        raise ConfigError(
            "the runs have different positive labels: compare runs with the same pos_label."
        )
    if before.keys != now.keys:
        raise ConfigError(
            f"the runs group by different features: {', '.join(before.keys)} before and "
            f"{', '.join(now.keys)} now. Compare runs with the same features."
        )
    return _changes(before.table, now.table, [*now.control, "group", "metric"], confidence)


def by_window(frame: Any, window: str, **options: Any) -> CountedMetricFrame:
    """Measure by time window: :func:`rai_scale.metric_frame` with ``window`` as a control feature.

    Overall values, differences and ratios are then per window; :func:`window_changes` compares
    each window with the one before.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table
        One row per prediction.
    window : str
        Column with the window of each row, such as its month (``2026-01``), in a form that sorts by
        time.
    **options
        As for :func:`rai_scale.metric_frame`.
    """
    control = names_of(options.pop("control_features", None))
    return metric_frame(frame, control_features=[window, *control], **options)


def window_changes(mf: CountedMetricFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare each window of :func:`by_window` with the one before.

    Parameters
    ----------
    mf : CountedMetricFrame
        From :func:`by_window`.
    confidence : float
        Confidence of each single interval.

    Returns
    -------
    pandas.DataFrame
        As for :func:`drift`, with the window in the first column; ``p_holm`` is over all windows.
    """
    control = control_names(mf)
    if not control:
        raise ConfigError("there are no time windows; measure with by_window.")
    window, *rest = control
    table = long_table(mf)
    levels = list(dict.fromkeys(table[window]))
    keys = [*rest, "group", "metric"]
    parts = []
    for before, now in pairwise(levels):
        one, other = (table[table[window] == level] for level in (before, now))
        parts.append(_changes(one, other, keys, confidence).assign(**{window: now}))
    if not parts:
        raise ConfigError(f"column {window!r} has a single value; drift needs two windows.")
    found = pd.concat(parts, ignore_index=True)
    found["p_holm"] = holm(found["p_value"].to_numpy())
    return found[[window, *(name for name in found if name != window)]]


class _RunTable:
    """The long table of a run and the features of its groups."""

    def __init__(
        self,
        table: pd.DataFrame,
        control: Sequence[str],
        sensitive: Sequence[str],
        pos_label: Any = None,
    ) -> None:
        self.control, self.pos_label = list(control), pos_label
        self.keys = [*control, *sensitive]
        self.table = table


def _run(run: Any) -> _RunTable:
    if isinstance(run, CountedMetricFrame):
        control = control_names(run)
        return _RunTable(long_table(run), control, group_names(run)[len(control) :])
    if isinstance(run, str | Path):
        run = read_run(run)
    elif not isinstance(run, Mapping):
        run = run.to_dict() if hasattr(run, "to_dict") else {}
    try:
        settings = run["settings"]
        table = pd.DataFrame(run["by_group"])
        for name in _KEPT:
            table[name] = table[name].astype(float)
        control, sensitive = (
            [column_of(name) for name in settings[f"{kind}_features"]]
            for kind in ("control", "sensitive")
        )
        return _RunTable(table, control, sensitive, settings.get("pos_label"))
    except (KeyError, TypeError):
        raise ConfigError("this is not the result of a fairness assessment.") from None


def read_run(path: str | Path) -> dict[str, Any]:
    """Read the ``fairness.json`` of an earlier run.

    Parameters
    ----------
    path : str or Path
        A local path, or the address of an object store.

    Raises
    ------
    ConfigError
        If the file does not exist or is not such a result.
    """
    from rai_scale.tables.paths import place_of

    try:
        with place_of(str(path)).open() as file:
            found = json.loads(file.read())
    except OSError as error:
        raise ConfigError(not_read(path, error)) from None
    except ValueError:
        raise ConfigError(f"{path}: is not JSON.") from None
    if not isinstance(found, dict) or "by_group" not in found:
        raise ConfigError(f"{path}: is not the fairness.json of a run.")
    return found


def _changes(
    before: pd.DataFrame, now: pd.DataFrame, keys: list[str], confidence: float
) -> pd.DataFrame:
    tables = []
    for table in (before, now):
        part = table[[*keys, *_KEPT]].copy()
        for name in keys:  # a level is text in JSON
            part[name] = part[name].map(group_label)
        tables.append(part[part["rows"] > 0])
    both = tables[0].merge(tables[1], how="outer", on=keys, suffixes=("_before", "_now"))
    versus = (
        both["successes_now"],
        both["trials_now"],
        both["successes_before"],
        both["trials_before"],
    )
    low, high = newcombe(*versus, confidence)
    z, p = z_test(*versus)
    there = (both["rows_before"].notna(), both["rows_now"].notna())
    for end in ("before", "now"):  # a rate without a denominator is not known
        both[f"value_{end}"] = both[f"value_{end}"].where(both[f"trials_{end}"] != 0)
    unknown = both["value_before"].isna() | both["value_now"].isna()
    cases = [~there[0], ~there[1], unknown]
    status = np.select(cases, ["new group", "gone", "not known"], "compared")
    found = both[keys].assign(previous=both["value_before"], current=both["value_now"])
    return found.assign(
        change=both["value_now"] - both["value_before"],
        low=low,
        high=high,
        z=z,
        p_value=p,
        p_holm=holm(p),
        previous_rows=both["rows_before"].fillna(0).astype("int64"),
        current_rows=both["rows_now"].fillna(0).astype("int64"),
        status=status,
    )
