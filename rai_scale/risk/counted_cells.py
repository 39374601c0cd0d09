"""Rows counted per combination of values, as numbers that the search of levels works on.

If a table has more combinations than the driver takes, the values of the column with the most
distinct values become coarser on the engine, level by level, until the combinations are few enough.
What a level costs is computed from the counts of each column, which are exact for all levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.risk.columns import Columns
from rai_scale.risk.generalise_result import Coarser
from rai_scale.risk.hierarchies import Hierarchy
from rai_scale.risk.lattice import Cells, Sensitive
from rai_scale.risk.orders import Order, order_sql, ranks_of

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

Texts = list[list[list[str | None]]]
"""Per column and level, the text of each number of a value."""


@dataclass(frozen=True)
class Counted:
    """The cells, what their values are called, and what they lose.

    Attributes
    ----------
    cells : Cells
    texts : list of list of list of str
    losses : list of list of numpy.ndarray, optional
        Per column and level, the loss of a row with each value; see ``generalise``.
    """

    cells: Cells
    texts: Texts
    losses: list[list[np.ndarray]] | None


def count_cells(
    engine: Engine,
    columns: Columns,
    steps: Sequence[Hierarchy],
    *,
    orders: Mapping[str, Order],
    utility: str,
    max_cells: int,
) -> Counted:
    """Count the rows per combination of the columns ``q0`` ...; the last are sensitive. Executes.

    Raises
    ------
    ConfigError
        If the table has no rows, or an order does not fit the values.
    TooManyGroupsError
        If a column has too many distinct values, or all levels together do.
    """
    names = [*columns.types]
    least, own, counted = _counts(engine, columns, steps, max_cells)
    if not counted.num_rows:
        raise ConfigError("the table has no rows, so nothing can be generalised.")
    codes: list[np.ndarray] = []
    levels: list[list[np.ndarray | None]] = []
    texts: Texts = []
    losses: list[list[np.ndarray]] = []
    n = counted["count"].to_numpy().astype(np.int64)
    for at, (one, low) in enumerate(zip(steps, least, strict=True)):
        found, values = _encoded(counted[names[at]])
        codes.append(found)
        rows = np.bincount(found, weights=n)
        base = np.arange(len(values))
        if low:  # the cells have texts of this level; its values are counted on their own
            places = {text: i for i, text in enumerate(values)}
            values, rows = own[names[at]]
            base = np.array([places[one.value_at(value, low)] for value in values])
        made = [[one.value_at(v, level) for v in values] for level in range(one.height + 1)]
        coarse = [_numbers(row) for row in made]
        losses.append([_per_base(_loss(row, rows, utility), rows, base) for row in coarse])
        first = np.zeros(base.max() + 1, dtype=np.int64)
        first[base] = np.arange(len(base))
        levels.append([None if i < low else row[first] for i, row in enumerate(coarse)])
        texts.append([[row[i] for i in first] for row in made])
    sensitive = [
        _sensitive(columns, name, counted[name], n, orders) for name in names[len(steps) :]
    ]
    cells = Cells(np.stack(codes, axis=1), levels, n, sensitive)
    return Counted(cells, texts, None if utility == "discernibility" else losses)


def _counts(
    engine: Engine, columns: Columns, steps: Sequence[Hierarchy], max_cells: int
) -> tuple[list[int], dict[str, tuple[list[Any], np.ndarray]], pa.Table]:
    """Return the level of each column at which there are few enough cells, and these."""
    names, data = [*columns.types], columns.data
    least = [0] * len(steps)
    own: dict[str, tuple[list[Any], np.ndarray]] = {}
    while True:
        try:
            return least, own, engine.group_counts(data, names, limit=max_cells)
        except TooManyGroupsError:
            pass
        own = own or _own_counts(engine, columns, len(steps), max_cells)
        sizes = [
            len({one.value_at(v, low) for v in own[name][0]}) if low < one.height else 0
            for one, low, name in zip(steps, least, names, strict=False)
        ]
        if not any(sizes):
            raise TooManyGroupsError([columns.called(name) for name in names], max_cells)
        least[int(np.argmax(sizes))] += 1
        named = tuple(one.renamed(f"q{at}") for at, one in enumerate(steps))
        coarser = Coarser(named, tuple(least), frozenset())
        inputs = [one.column for one in named]
        data = engine.with_columns(
            columns.data, coarser, coarser.outputs(), inputs=inputs, label="coarser values"
        )


def _own_counts(
    engine: Engine, columns: Columns, number: int, max_cells: int
) -> dict[str, tuple[list[Any], np.ndarray]]:
    """Return the values of each quasi-identifier and their rows."""
    found = {}
    for name in [*columns.types][:number]:
        try:
            table = engine.group_counts(columns.data, [name], limit=max_cells)
        except TooManyGroupsError as error:
            raise TooManyGroupsError([columns.called(name)], max_cells) from error
        found[name] = table[name].to_pylist(), table["count"].to_numpy().astype(float)
    return found


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[Any]]:
    found = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return found.indices.to_numpy().astype(np.int64), found.dictionary.to_pylist()


def _numbers(texts: Sequence[str | None]) -> np.ndarray:
    ids = dict(zip(dict.fromkeys(texts), range(len(texts)), strict=False))
    return np.array([ids[text] for text in texts], np.int64)


def _loss(coarse: np.ndarray, rows: np.ndarray, utility: str) -> np.ndarray:
    """Return what a row with each value loses at a level."""
    if utility == "entropy":
        found: np.ndarray = np.log2(np.bincount(coarse, weights=rows)[coarse] / rows)
        return found
    return (np.bincount(coarse)[coarse] - 1) / max(len(coarse) - 1, 1)


def _per_base(loss: np.ndarray, rows: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Return the mean loss of the rows of each value of the cells."""
    found: np.ndarray = np.bincount(base, weights=rows * loss) / np.bincount(base, weights=rows)
    return found


def _sensitive(
    columns: Columns,
    name: str,
    values: pa.ChunkedArray,
    n: np.ndarray,
    orders: Mapping[str, Order],
) -> Sensitive:
    codes, known = _encoded(values)
    called = columns.called(name)
    order = orders.get(called)
    if order_sql(called, order, columns.types[name], "duckdb") is None:
        return Sensitive(codes)
    ranks = ranks_of(known, order)
    if unlisted := int(n[ranks[codes] < 0].sum()):
        raise ConfigError(
            f"ordered: {unlisted:,} rows have a value of column {called!r} that is not listed. "
            "List all values."
        )
    return Sensitive(ranks[codes], ordered=True)
