"""Sources that send other values of a feature than before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.key_values import row_codes
from rai_scale.errors import ConfigError

DRIFT = ["source", "feature", "window", "rows", "value", "share", "share_before", "p_value",
         "p_adjusted"]  # fmt: skip
MOST_VALUES = 50
_LEAST = 5.0
"""Values that are expected in fewer rows of a window are put together (Cochran 1954)."""


def drift_tests(table: pa.Table, feature: str, history: int) -> pd.DataFrame:
    """Compare the values of a feature in each window of a source with those before.

    Parameters
    ----------
    table : pyarrow.Table
        Source, value, window and rows, by position.
    feature : str
        Its name.
    history : int
        The least number of earlier windows.

    Returns
    -------
    pandas.DataFrame
        The columns :data:`DRIFT` without ``p_adjusted``, one row per window that was tested.
    """
    from scipy.special import chdtrc
    from scipy.stats import chi2

    table = table.rename_columns(["source", "value", "window", "rows"])
    if table["window"].null_count:
        raise ConfigError("time: a time is missing. Leave those rows out and report it.")
    source, value = row_codes(table, ["source"]), row_codes(table, ["value"])
    rows = table["rows"].to_numpy().astype(float)
    value, names = _common(value, rows, table["value"])
    windows = table["window"].to_numpy()
    first = int(windows.min()) if len(windows) else 0
    length = int(windows.max()) - first + 1 if len(windows) else 0
    labels = dict(zip(source.tolist(), table["source"].to_pylist(), strict=True))
    found: list[dict[str, Any]] = []
    for code, label in labels.items():
        mine = source == code
        counts = np.zeros((length, len(names)))
        np.add.at(counts, (windows[mine] - first, value[mine]), rows[mine])
        for at, statistic, degrees, moved in _statistics(counts, history):
            before = counts[:at].sum(axis=0)
            found.append(
                {
                    "source": label,
                    "feature": feature,
                    "window": at + first,
                    "rows": int(counts[at].sum()),
                    "value": names[moved],
                    "share": counts[at, moved] / counts[at].sum(),
                    "share_before": before[moved] / before.sum(),
                    "statistic": statistic,
                    "degrees": degrees,
                }
            )
    tests = pd.DataFrame(found, columns=[*DRIFT[:-2], "statistic", "degrees"])
    values = tests.pop("statistic").to_numpy(float)
    free = tests.pop("degrees").to_numpy(float)
    spread = np.median(values / chi2.median(free)) if len(tests) else 1.0
    return tests.assign(p_value=chdtrc(free, values / max(1.0, float(spread))))


def _common(
    value: np.ndarray, rows: np.ndarray, column: pa.ChunkedArray
) -> tuple[np.ndarray, list[Any]]:
    """Return the numbers of the commonest values; all others become one."""
    total = np.bincount(value, weights=rows)
    order = np.argsort(-total, kind="stable")[:MOST_VALUES]
    number = np.full(len(total), len(order))
    number[order] = np.arange(len(order))
    shown = dict(zip(value.tolist(), column.to_pylist(), strict=True))
    names = [shown[code] for code in order.tolist()]
    return number[value], names if len(total) <= MOST_VALUES else [*names, "other values"]


def _statistics(counts: np.ndarray, history: int) -> list[tuple[int, float, int, int]]:
    """Return window, Pearson's statistic, degrees of freedom and the value that moved most.

    For rows a of the window and b of all windows before, with totals A and B: the sum over values
    of (a B - b A)^2 / (A B (a + b)).
    """
    found = []
    seen = np.flatnonzero(counts.sum(axis=1))
    for at in seen[seen >= seen[0] + history] if len(seen) else ():
        own, before = counts[at], counts[:at].sum(axis=0)
        own_rows, before_rows = own.sum(), before.sum()
        pooled = (own + before) / (own_rows + before_rows)
        common = np.minimum(own_rows, before_rows) * pooled >= _LEAST
        rare = ~common & (pooled > 0)
        a = np.append(own[common], own[rare].sum())
        b = np.append(before[common], before[rare].sum())
        used = a + b > 0
        a, b = a[used], b[used]
        if len(a) < 2:  # noqa: PLR2004
            continue
        parts = (a * before_rows - b * own_rows) ** 2 / (own_rows * before_rows * (a + b))
        moved = np.argmax(abs(own / own_rows - before / before_rows))
        found.append((int(at), float(parts.sum()), len(a) - 1, int(moved)))
    return found
