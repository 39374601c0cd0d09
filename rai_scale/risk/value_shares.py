"""The shares of sensitive values in the whole table, where one execution sees only a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rai_scale.errors import TooManyGroupsError
from rai_scale.risk.class_sql import ClassSql
from rai_scale.risk.columns import Columns

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

MOST_VALUES = 100_000


def known_shares(engine: Engine, columns: Columns, sql: ClassSql) -> str:
    """Return the shares as a SELECT of literals, by the hash of a value; executes.

    Two of 100,000 values have the same hash with a probability below 1e-9.

    Raises
    ------
    TooManyGroupsError
        If there are more distinct values than :data:`MOST_VALUES`.
    """
    rows = sql.rows(columns.floats, part=True)
    keys = ["s", "h", "o"]
    table = engine.aggregate_sql(
        columns.data, rows, sql.value_totals(), keys=keys, together=["part"]
    )
    if table.num_rows > MOST_VALUES:
        raise TooManyGroupsError([columns.called("s")], MOST_VALUES)
    if not table.num_rows:
        return ""
    table = table.sort_by([("o", "ascending")])
    counts = table["n"].to_numpy().astype(float)
    shares = counts / counts.sum()
    upto = np.cumsum(shares)
    below = np.cumsum(upto) - upto
    everything = float(upto.sum())
    literals = (
        f"({h}, {q:.17e}, {r}, {len(counts)}, {u:.17e}, {b:.17e}, {everything:.17e})"
        for r, (h, q, u, b) in enumerate(
            zip(table["h"].to_pylist(), shares.tolist(), upto.tolist(), below.tolist(), strict=True)
        )
    )
    names = "h, q, r, m, upto, below, all_below"
    # numbers only; those with an exponent are doubles
    return f"SELECT * FROM (VALUES {', '.join(literals)}) AS known({names})"  # noqa: S608
