"""Which sets of columns single people out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain, combinations
from typing import Any

import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.risk.columns import one_role_each
from rai_scale.risk.measure_anonymity import class_sizes

MOST_SETS = 5_000
SKETCH_ROWS = 20_000


def risky_columns(
    frame: Any, columns: Names, depth: int = 3, *, person: str | None = None, exact: int = 50
) -> pd.DataFrame:
    """Measure each set of up to ``depth`` columns as quasi-identifiers; executes once per set.

    If there are more than ``exact`` sets, all are sketched first: whole classes are sampled by a
    hash of their values, so that about 20,000 rows of each set are grouped. The riskiest ``exact``
    sets are then counted exactly. A null is a value of its own.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    columns : str or sequence of str
        The columns that somebody may know. Those that identify a person directly, such as a
        number, belong to ``person`` or are left out.
    depth : int
        The largest number of columns in a set.
    person : str, optional
        The column that identifies a person; distinct people are then counted instead of rows.
    exact : int
        The number of sets that are counted exactly.

    Returns
    -------
    pandas.DataFrame
        One row per set, the riskiest first: ``columns`` (names joined by ", "), ``size`` (number
        of columns), ``uniques`` (rows or people that are alone in their class), ``share`` (of
        all), ``k``, ``classes``, ``entropy``, what the set tells about a row, in bits (it is log2
        of the number of rows if every row is unique), and ``exact`` (bool). For sets that were
        sketched these are estimates, and ``k`` is the smallest class that was seen.

    Raises
    ------
    ConfigError
        If there are no columns or no rows, or more than 5,000 sets.
    MissingColumnError
        If a column does not exist.
    """
    names, engine = names_of(columns), engine_of(frame)
    check_columns([*names, *names_of(person)], engine.columns(frame))
    one_role_each({"column": names, "person": names_of(person)})
    if not names or depth < 1 or exact < 1:
        raise ConfigError("name at least one column, a depth and an exact of at least 1.")
    depth = min(depth, len(names))
    number = sum(math.comb(len(names), size) for size in range(1, depth + 1))
    if number > MOST_SETS:
        raise ConfigError(
            f"{len(names)} columns have {number:,} sets of up to {depth} columns, and each is "
            f"read once; at most {MOST_SETS:,} are. Name fewer columns, or lower depth."
        )
    sets = [*chain.from_iterable(combinations(names, size) for size in range(1, depth + 1))]
    keep = 1
    if number > exact:
        rows = sum(engine.group_counts(frame, [])["count"].to_pylist())
        keep = max(1, int(rows) // SKETCH_ROWS)
    found = [_measured(frame, keys, person, keep) for keys in sets]
    if keep > 1:
        order = sorted(range(number), key=lambda at: _risk(found[at]))
        for at in order[:exact]:
            found[at] = _measured(frame, sets[at], person)
    rows_in_order: list[Any] = sorted(found, key=_risk)
    return pd.DataFrame(rows_in_order)


def _risk(row: Mapping[str, Any]) -> tuple[float, float, int]:
    return -row["uniques"], -row["entropy"], row["size"]


def _measured(frame: Any, keys: Sequence[str], person: str | None, keep: int = 1) -> dict[str, Any]:
    sizes = class_sizes(frame, keys, person, keep)
    size, covered = sizes["size"].to_numpy(float), keep * sizes["covered"].to_numpy(float)
    rows = covered.sum()
    uniques = int(keep * sizes.loc[sizes["size"] == 1, "covered"].sum())
    bits = (covered * [math.log2(max(rows / one, 1)) for one in size]).sum()
    return {
        "columns": ", ".join(keys),
        "size": len(keys),
        "uniques": uniques,
        "share": uniques / rows if rows else 0.0,
        "k": int(sizes["size"].min()) if len(sizes) else 0,
        "classes": int(keep * sizes["classes"].sum()),
        "entropy": float(bits / rows) if rows else 0.0,
        "exact": keep == 1,
    }
