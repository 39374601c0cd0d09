"""Which sets of columns single people out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, combinations
from typing import Any

import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.risk.columns import one_role_each
from rai_scale.risk.measure_anonymity import class_sizes

MOST_SETS = 500


def risky_columns(
    frame: Any, columns: Names, depth: int = 3, *, person: str | None = None
) -> pd.DataFrame:
    """Measure each set of up to ``depth`` columns as quasi-identifiers; executes once per set.

    Every count is exact. A null is a value of its own.

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

    Returns
    -------
    pandas.DataFrame
        One row per set, the riskiest first: ``columns`` (names joined by ", "), ``size`` (number
        of columns), ``uniques`` (rows or people that are alone in their class), ``share`` (of
        all), ``k``, ``classes``, and ``entropy``, what the set tells about a row, in bits: it is
        log2 of the number of rows if every row is unique.

    Raises
    ------
    ConfigError
        If there are no columns or no rows, or more than 500 sets.
    MissingColumnError
        If a column does not exist.
    """
    names = names_of(columns)
    check_columns([*names, *names_of(person)], engine_of(frame).columns(frame))
    one_role_each({"column": names, "person": names_of(person)})
    if not names or depth < 1:
        raise ConfigError("name at least one column, and a depth of at least 1.")
    depth = min(depth, len(names))
    number = sum(math.comb(len(names), size) for size in range(1, depth + 1))
    if number > MOST_SETS:
        raise ConfigError(
            f"{len(names)} columns have {number:,} sets of up to {depth} columns, and each is "
            f"counted once; at most {MOST_SETS} are. Name fewer columns, or lower depth."
        )
    sets = chain.from_iterable(combinations(names, size) for size in range(1, depth + 1))
    table = pd.DataFrame([_measured(frame, keys, person) for keys in sets])
    order = ["uniques", "entropy", "size"]
    ascending = [False, False, True]
    return table.sort_values(order, ascending=ascending, kind="stable", ignore_index=True)


def _measured(frame: Any, keys: Sequence[str], person: str | None) -> dict[str, Any]:
    sizes = class_sizes(frame, keys, person)
    size, covered = sizes["size"].to_numpy(float), sizes["covered"].to_numpy(float)
    rows = covered.sum()
    uniques = int(sizes.loc[sizes["size"] == 1, "covered"].sum())
    return {
        "columns": ", ".join(keys),
        "size": len(keys),
        "uniques": uniques,
        "share": uniques / rows,
        "k": int(sizes["size"].min()),
        "classes": int(sizes["classes"].sum()),
        "entropy": float((covered * [math.log2(rows / one) for one in size]).sum() / rows),
    }
